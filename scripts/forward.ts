/**
 * Runs architectures of `tessera inspect` forward on WASM at their real size, with random weights, and prints a row of a
 * Markdown table for each: `node --conditions=source --import tsx scripts/forward.ts ddpm-cifar10 gaugan-0.19`.
 * Fails where a result is not finite.
 */
import { compile, countMacs, countParameters, type Graph } from "@tessera/kernels";
import { wasm } from "@tessera/kernels/wasm";
import { architecture, architectures } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";

/** Weights that keep numbers near 1, made when they are asked for: the same for the same graph. */
function randomWeights(graph: Graph): WeightSource {
  return {
    names: () => graph.params.keys(),
    info(name) {
      const t = graph.params.get(name);
      return t && { name, dtype: "F32", shape: t.shape, bytes: 4 * t.elements };
    },
    async get(name) {
      const { id, shape, elements } = graph.params.get(name)!;
      const spread = shape.length > 1 ? Math.sqrt((3 * shape[0]) / elements) : 0.1;
      const centre = shape.length === 1 && /\.(weight|scale)$/.test(name) ? 1 : 0;
      return { dtype: "F32", shape, data: new Uint8Array(uniform(elements, id, centre, spread).buffer) };
    },
  };
}

/** Numbers within `spread` of `centre`: a linear congruential generator (Numerical Recipes, §7.1). */
function uniform(length: number, seed: number, centre: number, spread: number): Float32Array {
  const out = new Float32Array(length);
  let state = (seed * 2654435761) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = centre + spread * (state / 2 ** 31 - 1);
  }
  return out;
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(architectures);
const backend = await wasm();
const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
console.log(`${backend.description}\n`);
console.log("| model | parameters | multiply-adds | weights | activations | one run |");
console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
for (const name of names) {
  const networks = architecture(name);
  if (!networks)
    throw new Error(`There is no architecture ${name}. There are ${Object.keys(architectures).join(", ")}.`);
  for (const [component, graph] of Object.entries(networks)) {
    const program = await compile(graph, backend, { weights: randomWeights(graph) });
    const inputs = Object.fromEntries(
      [...graph.inputs].map(([input, t]) => [
        input,
        t.dtype === "i32" ? new Int32Array(t.elements) : uniform(t.elements, t.id, input === "timestep" ? 500 : 0, 1),
      ]),
    );
    const started = performance.now();
    const outputs = await program.run(inputs);
    for (const [output, t] of Object.entries(outputs))
      if (!(await t.read()).every(Number.isFinite)) throw new Error(`${name} ${component}: ${output} is not finite.`);
    const seconds = (performance.now() - started) / 1000;
    const { weightBytes, memory } = program.plan;
    const cells = [
      `${name} ${component}`,
      countParameters(graph).toLocaleString("en-US"),
      `${(countMacs(graph).total / 1e9).toFixed(2)} G`,
      mib(weightBytes),
      mib(memory.bytes),
      `${seconds.toFixed(1)} s`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
    program.dispose();
  }
}
await backend.dispose();
