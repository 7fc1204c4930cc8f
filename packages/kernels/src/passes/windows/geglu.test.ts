import { memorySource } from "@tessera/safetensors";
import { expectClose, maxAbs } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, passes } from "../../compile.ts";
import { Graph } from "../../graph/graph.ts";
import { printGraph } from "../../graph/print.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { defaultOptions, without, type Options } from "../../options.ts";
import { add, gelu, linear, mul, slice } from "../../ops/index.ts";
import type { Backend } from "../../plan/backend.ts";
import { reference } from "../../reference/index.ts";
import { wasm } from "../../wasm/index.ts";

const width = 48;
function graphOf(combine: (first: Tensor, second: Tensor) => Tensor, tap = false): Graph {
  const g = new Graph();
  const p = g.scope("ff");
  const x = g.input("x", [2, 5, 12]);
  const whole = add(linear({ x, weight: p.get("weight", [2 * width, 12]) }), p.get("bias", [2 * width]));
  const half = (begin: number) => slice({ x: whole }, { axis: 2, begin, end: begin + width });
  g.output("y", combine(half(0), half(width)));
  if (tap) g.output("whole", whole);
  return g;
}
const geglu = (first: Tensor, second: Tensor) => mul(first, gelu(second));

test("GEGLU becomes one node", () => {
  const lowered = passes(reference()).reduce((g, p) => p.apply(g), graphOf(geglu));
  expect(printGraph(lowered)).toMatchInlineSnapshot(`
    "input x f32 [2 5 12]
    %3 = gatedLinear+gelu+mul(x, weight, bias) [2 5 48]  # ff
    output y = %3"
  `);
});

test("the halves of what others read, or of no linear layer, are read where they lie", () => {
  const lowered = passes(reference()).reduce((g, p) => p.apply(g), graphOf(geglu, true));
  expect(printGraph(lowered)).toMatchInlineSnapshot(`
    "input x f32 [2 5 12]
    %3 = linear+add(x, weight) → add(x0, x1) of (·, bias) [2 5 96]  # ff
    %4 = gated+gelu+mul(%3) [2 5 48]  # ff
    output y = %4
    output whole = %3"
  `);
});

test.each([
  ["the projection is read by others", graphOf(geglu, true), defaultOptions],
  ["it is switched off", graphOf(geglu), without("geglu")],
  ["a half is used twice", graphOf((a, b) => mul(mul(a, b), gelu(add(b, a)))), defaultOptions],
])("the projection stays where %s", (_, graph, options) => {
  const lowered = passes(reference(), options).reduce((g, p) => p.apply(g), graph);
  expect(lowered.nodes.some(({ op }) => op.name === "linear")).toBe(true);
});

test("no window without a kernel for it", () => {
  const none = { maxBindings: Infinity, ladders: { gated: [], gatedLinear: [] } };
  const lowered = passes(none).reduce((g, p) => p.apply(g), graphOf(geglu));
  expect(lowered.nodes.filter(({ op }) => op.name === "slice").length).toBe(2);
});

describe("the same numbers", () => {
  let backend: Backend;
  beforeAll(async () => void (backend = await wasm({ threads: 2 })));
  afterAll(() => backend.dispose());
  const numbers = (count: number, seed: number) =>
    Float32Array.from({ length: count }, (_, i) => Math.sin(seed + 7 * i));
  const bytes = (data: Float32Array<ArrayBuffer>) => new Uint8Array(data.buffer);
  const weights = memorySource({
    "ff.weight": { dtype: "F32", shape: [2 * width, 12], data: bytes(numbers(2 * width * 12, 1)) },
    "ff.bias": { dtype: "F32", shape: [2 * width], data: bytes(numbers(2 * width, 2)) },
  });
  test.each([
    ["value first", geglu],
    ["gate first", (a: Tensor, b: Tensor) => mul(gelu(a), b)],
  ])("%s", async (_, combine) => {
    const run = async (backend: Backend, options: Options) => {
      const program = await compile(graphOf(combine), backend, { weights, options });
      const y = await (await program.run({ x: numbers(120, 3) })).y.read();
      const names = program.plan.calls.map(({ kernel }) => kernel.name);
      program.dispose();
      return { y, names };
    };
    const { y: expected } = await run(reference(), without("geglu", "absorb"));
    expectClose((await run(reference(), defaultOptions)).y, expected, 1e-6 * maxAbs(expected));
    const { y, names } = await run(backend, defaultOptions);
    expect(names).toEqual(["gatedLinear.gemm[2x16]"]);
    expectClose(y, expected, 1e-6 * maxAbs(expected));
    const halves: Options = { ...defaultOptions, dtype: { weights: "f16" } };
    expectClose((await run(backend, halves)).y, expected, 2e-3 * maxAbs(expected));
  });
});
