import { memorySource, type WeightSource } from "@tessera/safetensors";
import { expectClose, operatorCases } from "@tessera/testing";
import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { add, affine, attention, concat, embed, groupStats, linear, mul, sub } from "../ops/index.ts";
import { applyPointwise } from "../ops/pointwise/op.ts";
import * as E from "../graph/expr.ts";
import { Graph } from "../graph/graph.ts";
import type { Shape } from "../graph/tensor.ts";
import { passes } from "../compile.ts";
import { reference } from "../reference/index.ts";
import { exportOnnx, type ExportOptions } from "./exportOnnx.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

type Data = Readonly<Record<string, Float32Array>>;

const sourceOf = (graph: Graph, data: Data): WeightSource =>
  memorySource(
    Object.fromEntries(
      [...graph.params].map(([name, { shape }]) => [
        name,
        { dtype: "F32" as const, shape, data: new Uint8Array(data[name].slice().buffer) },
      ]),
    ),
  );

/** The graph's outputs as ONNX Runtime computes them. */
async function run(
  graph: Graph,
  data: Data,
  options: ExportOptions = {},
  files?: { path: string; data: Uint8Array }[],
) {
  const { model, outputs } = await exportOnnx(graph, sourceOf(graph, data), options);
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"], externalData: files });
  const feeds = [...graph.inputs].map(([name, { shape, dtype }]) => {
    const numbers = dtype === "i32" ? Int32Array.from(data[name]) : data[name];
    return [name, new ort.Tensor(dtype === "i32" ? "int32" : "float32", numbers, [...shape])] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  for (const [name, { shape }] of graph.outputs) expect(results[outputs.get(name)!].dims).toEqual(shape);
  return Object.fromEntries([...outputs].map(([name, as]) => [name, results[as].data as Float32Array]));
}

/** Fails unless ONNX Runtime and our definitions agree. */
async function expectSame(graph: Graph, data: Data): Promise<void> {
  const program = await reference().record(
    { graph } as never, // the reference backend reads no more of a plan
    sourceOf(graph, data),
  );
  const expected = await program.run(Object.fromEntries([...graph.inputs.keys()].map((name) => [name, data[name]])));
  const actual = await run(graph, data);
  for (const name of graph.outputs.keys()) expectClose(actual[name], await expected[name].read(), 1e-5, name);
}

const numbers = (shape: Shape, seed = 1) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(seed + 1.7 * i));

/** Large means with small deviations, where ONNX Runtime's instance norm rounds more than PyTorch's group norm does. */
const illConditioned = ["gn_constant", "gn_mean1e3_std1"];

test.each(await operatorCases())("$name, as PyTorch has it", async ({ name, build, data, expected, tolerance }) => {
  expectClose((await run(build(), data)).out, expected, (illConditioned.includes(name) ? 10 : 1) * tolerance);
});

describe("forms of their own", () => {
  test("statistics that are also a result, and statistics of another tensor", async () => {
    const graph = new Graph();
    const [x, other] = [graph.input("x", [2, 4, 3, 3]), graph.input("other", [2, 4, 2, 2])];
    const [weight, bias] = [graph.param("weight", [4]), graph.param("bias", [4])];
    const stats = graph.output("stats", groupStats({ x }, { groups: 2, eps: 1e-5 }));
    graph.output("own", affine({ x, stats, weight, bias }));
    graph.output("foreign", affine({ x, stats: groupStats({ x: other }, { groups: 2, eps: 1e-5 }), weight, bias }));
    const data = {
      x: numbers(x.shape),
      other: numbers(other.shape, 2),
      weight: numbers([4], 3),
      bias: numbers([4], 4),
    };
    await expectSame(graph, data);
  });

  test("causal attention of both kinds; a computed matrix; a table; an operand that only gives its shape", async () => {
    const graph = new Graph();
    const x = graph.input("x", [2, 5, 8]);
    const ids = graph.input("ids", [2, 3], "i32");
    for (const kind of ["softmax", "relu"] as const)
      graph.output(kind, attention({ q: x, k: x, v: x }, { heads: 2, causal: true, kind }));
    const table = graph.param("table", [6, 8]);
    graph.output("product", linear({ x, weight: mul(table, table) }));
    graph.output("rows", concat({ a: embed({ ids, table }), b: x }, { axis: 1 }));
    graph.output("wide", applyPointwise("first", [graph.param("row", [8]), x], E.add(E.value(0), 1)));
    const data = {
      x: numbers(x.shape),
      ids: Float32Array.of(0, 5, 2, 1, 4, 3),
      table: numbers([6, 8]),
      row: numbers([8]),
    };
    await expectSame(graph, data);
  });

  test("every primitive of expressions", async () => {
    const graph = new Graph();
    const x = graph.input("x", [7]);
    const v = E.value(0);
    const terms = [E.sub(v, 2), E.div(v, 3), E.min(v, 0.5), E.max(v, 0.1), E.exp(v), E.sqrt(E.abs(v)), E.erf(v)];
    graph.output(
      "y",
      applyPointwise(
        "all",
        [x],
        terms.reduce((a, b) => E.add(a, b)),
      ),
    );
    await expectSame(graph, { x: numbers([7]) });
  });

  test("an output called like an input; a graph that passes have fused", async () => {
    const graph = new Graph();
    const sample = graph.input("sample", [2, 3]);
    const weight = graph.param("weight", [4, 3]);
    const y = add(linear({ x: sample, weight }), graph.param("bias", [4]));
    graph.output("sample", sub(y, mul(y, y)));
    const data = { sample: numbers([2, 3]), weight: numbers([4, 3], 2), bias: numbers([4], 3) };
    const fused = passes({ maxBindings: 8 }).reduce((g, pass) => pass.apply(g), graph);
    expect(fused.nodes.some((node) => node.epilogue)).toBe(true);
    const [plain, absorbed] = [await run(graph, data), await run(fused, data)];
    expectClose(absorbed.sample, plain.sample, 1e-6);
  });
});

test("weights in a file of their own", async () => {
  const graph = new Graph();
  const x = graph.input("x", [1, 2, 3]);
  graph.output("y", add(linear({ x, weight: graph.param("weight", [4, 3]) }), graph.param("bias", [4])));
  const data = { x: numbers([1, 2, 3]), weight: numbers([4, 3], 2), bias: numbers([4], 3) };
  const written: number[] = [];
  const external = { location: "y.data", write: (bytes: Uint8Array) => void written.push(...bytes) };
  await exportOnnx(graph, sourceOf(graph, data), { external });
  expect(written.length).toBe(4 * 16);
  const file = { path: "y.data", data: Uint8Array.from(written) };
  const apart = await run(graph, data, { external: { location: "y.data", write() {} } }, [file]);
  expectClose(apart.y, (await run(graph, data)).y, 0);
});

test("a model that the format cannot hold is refused before its weights are read", async () => {
  const graph = new Graph();
  const x = graph.input("x", [1, 2 ** 15]);
  graph.output("y", linear({ x, weight: graph.param("weight", [2 ** 15, 2 ** 15]) }));
  const weights = { names: () => [], info: () => undefined, get: () => Promise.reject(new Error("was read")) };
  await expect(exportOnnx(graph, weights)).rejects.toThrow(/4294\d+ bytes.*Give `external`/);
});
