import { describe, expect, test } from "vitest";
import { add, conv2d, linear, reshape, silu } from "../ops/index.ts";
import { Graph } from "./graph.ts";
import { countMacs, countParameters } from "./macs.ts";
import { printGraph } from "./print.ts";

test("a bad shape names the layer, the mismatch and every operand", () => {
  const g = new Graph();
  const x = g.input("x", [1, 3, 8, 8]);
  const weight = g.scope("down.0").at("conv1").get("weight", [4, 2, 3, 3]);
  expect(() => conv2d({ x, weight })).toThrow(
    "conv2d at down.0.conv1: x has 3 channels, weight expects 2 × 1 groups (x[1 3 8 8], weight[4 2 3 3]).",
  );
});

describe("signatures explain", () => {
  const g = new Graph();
  const x = g.input("x", [2, 5]);
  test.each([
    ["a size that disagrees", () => linear({ x, weight: g.param("a.weight", [4, 6]) }), "k is 6 in weight but 5 in x"],
    ["a wrong rank", () => linear({ x, weight: g.param("b.weight", [4]) }), "weight has rank 1, expected 2"],
    ["a missing operand", () => linear({ x } as never), "operand weight is missing"],
    ["an operand that is none", () => linear({ x, weight: x, extra: x } as never), "there is no operand called extra"],
    ["a wrong dtype", () => linear({ x: g.input("ids", [2, 5], "i32"), weight: x }), "x is i32, expected f32"],
    ["sizes that do not broadcast", () => add(x, g.input("y", [3, 5])), "sizes do not broadcast (x0[2 5], x1[3 5])"],
    ["an empty tensor", () => g.input("none", [0, 3]), "sizes must be positive whole numbers, got [0 3]"],
    [
      "a window that does not fit",
      () => conv2d({ x: g.input("p", [1, 1, 2, 2]), weight: g.param("w", [1, 1, 3, 3]) }),
      "a 3×3 window does not fit the 2×2 picture",
    ],
  ])("%s", (_what, build, message) => expect(build).toThrow(message));
});

test("one name is one parameter, with one shape", () => {
  const g = new Graph();
  expect(g.param("w", [2, 3])).toBe(g.param("w", [2, 3]));
  expect(() => g.param("w", [3, 2])).toThrow("param w: asked for as [3 2] and as [2 3].");
});

test("a graph prints a line a node, and counts its parameters and multiply-adds", () => {
  const g = new Graph();
  const p = g.scope("block").at("proj");
  const x = g.input("x", [2, 4, 8]);
  const y = add(linear({ x, weight: p.get("weight", [16, 8]) }), p.get("bias", [16]));
  g.output("y", reshape({ x: silu(y) }, { shape: [8, 16] }));
  expect(printGraph(g)).toMatchInlineSnapshot(`
    "input x f32 [2 4 8]
    %2 = linear(x, weight) [2 4 16]  # block.proj
    %4 = add(%2, bias) [2 4 16]  # block.proj
    %5 = silu(%4) [2 4 16]  # block.proj
    %6 = reshape(%5, shape=[8 16]) [8 16]  # block.proj
    output y = %6"
  `);
  expect(countParameters(g)).toBe(16 * 8 + 16);
  expect(countMacs(g)).toEqual({ total: 2 * 4 * 8 * 16, byOp: { linear: 1024 }, byScope: { "block.proj": 1024 } });
});
