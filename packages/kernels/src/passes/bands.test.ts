import { memorySource } from "@tessera/safetensors";
import { expectClose, maxAbs } from "@tessera/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compile } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import { printGraph } from "../graph/print.ts";
import type { Tensor } from "../graph/tensor.ts";
import * as ops from "../ops/index.ts";
import type { Backend } from "../plan/backend.ts";
import { reference } from "../reference/index.ts";
import { absorb } from "./absorb.ts";
import { bands } from "./bands.ts";

const graphOf = (build: (g: Graph) => Tensor): Graph => {
  const g = new Graph();
  g.output("y", build(g));
  return g;
};
const numbers = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed + 12.9898 * i) + 0.2);

/** What a graph gives on the reference backend, as it stands or cut where the backend says so. */
async function outcome(graph: Graph, maxTensorBytes?: number): Promise<Float32Array> {
  const params = [...graph.params].map(([name, { shape, elements }], i) => {
    const data = new Uint8Array(numbers(elements, i).buffer);
    return [name, { dtype: "F32", shape, data }] as const;
  });
  const backend: Backend = { ...reference(), maxTensorBytes };
  const inputs = [...graph.inputs].map(([name, t], i) => [name, numbers(t.elements, i + 50)] as const);
  const program = await compile(graph, backend, { weights: memorySource(Object.fromEntries(params)) });
  if (maxTensorBytes)
    for (const t of program.plan.graph.nodes)
      if (t.op.name !== "input" && t.op.name !== "param")
        expect(4 * t.elements, `${t.op.name} [${t.shape.join(" ")}]`).toBeLessThanOrEqual(maxTensorBytes);
  return (await program.run(Object.fromEntries(inputs))).y.read();
}

test("an upsampled picture is never whole, nor what is computed of it", () => {
  const graph = graphOf((g) => {
    const p = g.scope();
    const x = ops.upsample({ x: g.input("x", [1, 4, 5, 8]) }, { height: 10, width: 16 });
    const y = ops.conv2d({ x, weight: p.get("in", [4, 4, 3, 3]) }, { pad: [1, 1, 1, 1] });
    return ops.conv2d({ x: ops.silu(y), weight: p.get("out", [1, 4, 1, 1]) });
  });
  expect(printGraph(bands(2500).apply(absorb(8).apply(graph)))).toMatchInlineSnapshot(`
    "input x f32 [1 4 5 8]
    %3 = slice(x, axis=2, begin=0, end=2) [1 4 2 8]  # x
    %4 = upsample(%3, height=4, width=16) [1 4 4 16]  # x
    %5 = slice(%4, axis=2, begin=0, end=3) [1 4 3 16]  # x
    %6 = conv2d+silu(%5, in, stride=1, pad=[1 1 0 1], groups=1, dilation=1) → mul(x0, div(1, add(1, exp(sub(0, x0))))) of (·) [1 4 2 16]  # 
    %7 = slice(x, axis=2, begin=0, end=3) [1 4 3 8]  # x
    %8 = upsample(%7, height=6, width=16) [1 4 6 16]  # x
    %9 = slice(%8, axis=2, begin=1, end=5) [1 4 4 16]  # x
    %10 = conv2d+silu(%9, in, stride=1, pad=[0 1 0 1], groups=1, dilation=1) → mul(x0, div(1, add(1, exp(sub(0, x0))))) of (·) [1 4 2 16]  # 
    %11 = slice(x, axis=2, begin=1, end=4) [1 4 3 8]  # x
    %12 = upsample(%11, height=6, width=16) [1 4 6 16]  # x
    %13 = slice(%12, axis=2, begin=1, end=5) [1 4 4 16]  # x
    %14 = conv2d+silu(%13, in, stride=1, pad=[0 1 0 1], groups=1, dilation=1) → mul(x0, div(1, add(1, exp(sub(0, x0))))) of (·) [1 4 2 16]  # 
    %15 = slice(x, axis=2, begin=2, end=5) [1 4 3 8]  # x
    %16 = upsample(%15, height=6, width=16) [1 4 6 16]  # x
    %17 = slice(%16, axis=2, begin=1, end=5) [1 4 4 16]  # x
    %18 = conv2d+silu(%17, in, stride=1, pad=[0 1 0 1], groups=1, dilation=1) → mul(x0, div(1, add(1, exp(sub(0, x0))))) of (·) [1 4 2 16]  # 
    %19 = slice(x, axis=2, begin=3, end=5) [1 4 2 8]  # x
    %20 = upsample(%19, height=4, width=16) [1 4 4 16]  # x
    %21 = slice(%20, axis=2, begin=1, end=4) [1 4 3 16]  # x
    %22 = conv2d+silu(%21, in, stride=1, pad=[0 1 1 1], groups=1, dilation=1) → mul(x0, div(1, add(1, exp(sub(0, x0))))) of (·) [1 4 2 16]  # 
    %23 = conv2d(%6, out, stride=1, pad=[0 0 0 0], groups=1, dilation=1) [1 1 2 16]  # 
    %24 = conv2d(%10, out, stride=1, pad=[0 0 0 0], groups=1, dilation=1) [1 1 2 16]  # 
    %25 = conv2d(%14, out, stride=1, pad=[0 0 0 0], groups=1, dilation=1) [1 1 2 16]  # 
    %26 = conv2d(%18, out, stride=1, pad=[0 0 0 0], groups=1, dilation=1) [1 1 2 16]  # 
    %27 = conv2d(%22, out, stride=1, pad=[0 0 0 0], groups=1, dilation=1) [1 1 2 16]  # 
    %28 = concat(%23, %24, axis=2) [1 1 4 16]  # 
    %29 = concat(%28, %25, axis=2) [1 1 6 16]  # 
    %30 = concat(%26, %27, axis=2) [1 1 4 16]  # 
    %31 = concat(%29, %30, axis=2) [1 1 10 16]  # 
    output y = %31"
  `);
});

const size = (most: number) => fc.integer({ min: 1, max: most });

test("bands of a network give what the whole gives: odd heights, batches, strides, concatenation, enlargement, attention", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ n: size(2), h: fc.integer({ min: 5, max: 13 }), w: fc.integer({ min: 3, max: 7 }) }),
      size(2),
      size(3),
      async ({ n, h, w }, stride, factor) => {
        const graph = graphOf((g) => {
          const p = g.scope();
          const conv = (name: string, x: Tensor, co: number, options = {}) =>
            ops.conv2d({ x, weight: p.get(name, [co, x.shape[1], 3, 3]) }, { pad: [1, 1, 1, 1], ...options });
          const x = g.input("x", [n, 2, h, w]);
          const time = ops.reshape({ x: g.input("time", [n, 8]) }, { shape: [n, 8, 1, 1] });
          let t = ops.silu(ops.add(conv("a", x, 8), time));
          const stats = ops.groupStats({ x: t }, { groups: 4, eps: 1e-6 });
          const normal = ops.affine({ x: t, stats, weight: p.get("scale", [8]), bias: p.get("shift", [8]) });
          t = ops.add(conv("b", ops.silu(normal), 8, { pad: [2, 2, 2, 2], dilation: 2 }), t);
          t = ops.concat({ a: t, b: conv("c", x, 8) });
          t = ops.upsample({ x: t }, { height: factor * h, width: factor * w });
          t = conv("d", t, 8, { stride, pad: [0, 0, 1, 1] });
          const [, , height] = t.shape;
          let s = ops.tokens({ x: t });
          s = ops.layerNorm({ x: s, weight: p.get("ls", [8]), bias: p.get("lb", [8]) });
          const [q, k] = ["q", "k"].map((name) => ops.linear({ x: s, weight: p.get(name, [8, 8]) }));
          s = ops.add(s, ops.attention({ q, k, v: k }, { heads: 2 }));
          const up = ops.linear({ x: s, weight: p.get("up", [32, 8]) });
          const half = (begin: number) => ops.slice({ x: up }, { axis: 2, begin, end: begin + 16 });
          s = ops.linear({ x: ops.mul(half(0), ops.gelu(half(16))), weight: p.get("down", [8, 16]) });
          return conv("e", ops.image({ x: s }, { height }), 1);
        });
        const expected = await outcome(graph);
        // As small as every op that wants a tensor whole allows.
        const keys = graph.nodes.find(({ op }) => op.name === "attention")!.inputs.k.elements;
        const limit = 4 * Math.max(keys, ...[...graph.inputs.values()].map((t) => t.elements), 8 * 16 * w * factor * n);
        expectClose(await outcome(graph, limit), expected, 1e-6 * maxAbs(expected));
      },
    ),
    { numRuns: 25, seed: 3, endOnFailure: true },
  );
});

test("statistics of bands survive a mean far from zero", async () => {
  const graph = graphOf((g) => {
    const x = ops.scale(ops.upsample({ x: g.input("x", [2, 6, 9, 5]) }, { height: 18, width: 10 }), 1e-2, 1000);
    return ops.groupStats({ x }, { groups: 3, eps: 1e-9 });
  });
  const expected = await outcome(graph);
  expectClose(await outcome(graph, 2000), expected, 1e-6 * maxAbs(expected));
});

test("what fits stays as it is, and so does what cannot be cut", () => {
  const small = graphOf((g) => ops.silu(g.input("x", [1, 4, 8, 8])));
  expect(bands(1024).apply(small)).toBe(small);
  const flat = graphOf((g) => ops.silu(g.input("x", [300])));
  expect(bands(1024).apply(flat)).toBe(flat);
});
