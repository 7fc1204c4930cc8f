import { compile, Graph, printGraph, printPlan } from "@tessera/kernels";
import { add, linear, silu } from "@tessera/kernels/ops";
import { wasm } from "@tessera/kernels/wasm";
import { memorySource } from "@tessera/safetensors";

// A model is a function on symbolic tensors; parameters are asked for by their checkpoint names.
const graph = new Graph();
const x = graph.input("x", [2, 4]);
const p = graph.scope("layer");
graph.output("y", silu(add(linear({ x, weight: p.get("weight", [3, 4]) }), p.get("bias", [3]))));
console.log(printGraph(graph));

const numbers = (values: number[], ...shape: number[]) => ({
  dtype: "F32" as const,
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer),
});
const weights = memorySource({
  "layer.weight": numbers([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1], 3, 4),
  "layer.bias": numbers([0, 0, 1], 3),
});

// Compiled for the CPU: SIMD code on all cores, emitted for exactly these shapes.
const backend = await wasm();
const program = await compile(graph, backend, { weights });
console.log(printPlan(program.plan));
const { y } = await program.run({ x: [1, 2, 3, 4, -1, -2, -3, -4] });
console.log("y =", await y.read());
program.dispose();
await backend.dispose();
