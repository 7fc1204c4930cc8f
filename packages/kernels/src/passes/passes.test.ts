import fc from "fast-check";
import { memorySource } from "@tessera/safetensors";
import { describe, expect, test } from "vitest";
import { compile } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import { printGraph } from "../graph/print.ts";
import type { Tensor } from "../graph/tensor.ts";
import { without } from "../options.ts";
import { add, affine, conv2d, groupStats, linear, mul, reshape, scale, silu } from "../ops/index.ts";
import { reference } from "../reference/index.ts";
import { absorb } from "./absorb.ts";
import { simplify } from "./simplify.ts";

/** norm → silu → conv + bias + time, + skip: a residual block's second half. */
function block(): Graph {
  const g = new Graph();
  const p = g.scope("block");
  const x = g.input("x", [1, 4, 6, 6]);
  const time = g.input("time", [1, 4]);
  const channels = (t: Tensor) => reshape({ x: t }, { shape: [1, 4, 1, 1] });
  const n = p.at("norm");
  const h = silu(
    affine({ x, stats: groupStats({ x }, { groups: 2 }), weight: n.get("weight", [4]), bias: n.get("bias", [4]) }),
  );
  const y = conv2d({ x: h, weight: p.at("conv").get("weight", [4, 4, 3, 3]) }, { pad: [1, 1, 1, 1] });
  g.output("y", add(x, add(add(y, channels(p.at("conv").get("bias", [4]))), channels(time))));
  return g;
}

describe("absorb", () => {
  test("bias, time and skip ride in the convolution, SiLU in the norm", () => {
    expect(printGraph(absorb(8).apply(block()))).toMatchInlineSnapshot(`
      "input x f32 [1 4 6 6]
      input time f32 [1 4]
      %2 = groupStats(x, groups=2, eps=0.00001) [1 2 2]  # x
      %5 = affine+silu(x, %2, weight, bias) → mul(x0, div(1, add(1, exp(sub(0, x0))))) of (·) [1 4 6 6]  # block.norm
      %8 = reshape(bias, shape=[1 4 1 1]) [1 4 1 1]  # block.conv
      %9 = reshape(time, shape=[1 4 1 1]) [1 4 1 1]  # time
      %10 = conv2d+add+add+add(%5, weight, stride=1, pad=[1 1 1 1], groups=1, dilation=1) → add(x3, add(add(x0, x1), x2)) of (·, %8, %9, x) [1 4 6 6]  # block.conv
      output y = %10"
    `);
  });
  test("stops where the kernel would read more tensors than the device can bind", () => {
    expect(printGraph(absorb(5).apply(block()))).toMatchInlineSnapshot(`
      "input x f32 [1 4 6 6]
      input time f32 [1 4]
      %2 = groupStats(x, groups=2, eps=0.00001) [1 2 2]  # x
      %5 = affine+silu(x, %2, weight, bias) → mul(x0, div(1, add(1, exp(sub(0, x0))))) of (·) [1 4 6 6]  # block.norm
      %8 = reshape(bias, shape=[1 4 1 1]) [1 4 1 1]  # block.conv
      %9 = reshape(time, shape=[1 4 1 1]) [1 4 1 1]  # time
      %10 = conv2d+add+add(%5, weight, stride=1, pad=[1 1 1 1], groups=1, dilation=1) → add(add(x0, x1), x2) of (·, %8, %9) [1 4 6 6]  # block.conv
      %11 = add(x, %10) [1 4 6 6]  # x
      output y = %11"
    `);
  });
  test("joins chains of pointwise nodes, and leaves alone what others read", () => {
    const g = new Graph();
    const x = g.input("x", [3, 5]);
    const shared = scale(x, 2);
    g.output("y", mul(silu(add(shared, x)), shared));
    expect(printGraph(absorb(8).apply(g))).toMatchInlineSnapshot(`
      "input x f32 [3 5]
      %1 = scale(x) [3 5]  # x
      %2 = add+silu+mul(%1, x, %1) [3 5]  # x
      output y = %2"
    `);
  });
});

test("simplify drops dead code, repeated work and idle reshapes", () => {
  const g = new Graph();
  const x = g.input("x", [2, 3]);
  silu(scale(x, 3));
  g.output("y", add(silu(x), reshape({ x: silu(x) }, { shape: [2, 3] })));
  expect(printGraph(simplify().apply(g))).toMatchInlineSnapshot(`
    "input x f32 [2 3]
    %1 = silu(x) [2 3]  # x
    %2 = add(%1, %1) [2 3]  # x
    output y = %2"
  `);
});

test("passes do not change what is computed (random graphs)", async () => {
  const backend = reference();
  const choices = fc.array(fc.tuple(fc.nat(5), fc.nat(99), fc.nat(99)), { minLength: 1, maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(choices, async (steps) => {
      const build = () => {
        const g = new Graph();
        const made: Tensor[] = [g.input("x", [2, 3]), g.input("b", [3])];
        const whole = () => made.filter((t) => t.shape.length === 2);
        steps.forEach(([kind, i, j]) => {
          const [a, b] = [whole()[i % whole().length], made[j % made.length]];
          const w = g.param(`w${i % 3}.weight`, [3, 3]);
          made.push(
            [
              () => silu(a),
              () => add(a, b),
              () => mul(a, b),
              () => scale(a, 0.5, 0.1),
              () => linear({ x: a, weight: w }),
              () => add(b, a),
            ][kind](),
          );
        });
        g.output("last", made.at(-1)!);
        g.output("middle", whole()[whole().length >> 1]);
        return g;
      };
      const weights = memorySource(
        Object.fromEntries(
          [0, 1, 2].map((k) => {
            const data = new Uint8Array(Float32Array.from({ length: 9 }, (_, i) => Math.sin(i + k)).buffer);
            return [`w${k}.weight`, { dtype: "F32" as const, shape: [3, 3], data }];
          }),
        ),
      );
      const inputs = { x: [0.3, -1, 2, 0.5, 0, -0.7], b: [1, -0.2, 0.4] };
      const results: number[][] = [];
      for (const options of [without("simplify", "absorb"), without()]) {
        const out = await (await compile(build(), backend, { weights, options })).run(inputs);
        results.push([...(await out.last.read()), ...(await out.middle.read())]);
      }
      results[0].forEach((v, i) => expect(results[1][i]).toBeCloseTo(v, 5));
    }),
    { numRuns: 60 },
  );
});
