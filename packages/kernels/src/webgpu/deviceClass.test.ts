import { expect, test } from "vitest";
import { Graph } from "../graph/graph.ts";
import { groupNorm } from "../ops/groupNorm/op.ts";
import * as ops from "../ops/index.ts";
import { defaultOptions } from "../options.ts";
import { plan } from "../plan/plan.ts";
import { guaranteed, type WebgpuCaps } from "./caps.ts";
import * as ladders from "./ladders.ts";

/** Names of the kernels that a device takes for a graph with weights in halves. */
function chosenFor(graph: Graph, caps: Partial<WebgpuCaps>): string[] {
  const target = { caps: { ...guaranteed, ...caps }, ladders, memoryUnit: "blocks" } as const;
  return plan(graph, target, defaultOptions, () => "f16").calls.map(({ kernel }) => kernel.name);
}

/** Those for a linear layer and attention with heads of 40, 80, 160 and 192. */
function chosen(caps: Partial<WebgpuCaps>): string[] {
  const graph = new Graph();
  graph.output("y", ops.linear({ x: graph.input("x", [64, 32]), weight: graph.param("weight", [64, 32]) }));
  for (const d of [40, 80, 160, 192]) {
    const q = graph.input(`q${d}`, [1, 64, d]);
    graph.output(`y${d}`, ops.attention({ q, k: q, v: q }, { heads: 1 }));
  }
  return chosenFor(graph, caps);
}
const matrices = { f16: true, subgroupSize: 32, subgroupMatrix: { m: 16, n: 16, k: 16 } };

test("a processor uses subgroups where they are, else registers", () => {
  const [flash, stored] = ["attention.flash", "attention.partiallyFused"];
  const subgroups = "attention.flashSubgroups";
  expect(chosen({ software: true, subgroupSize: 8 })).toEqual([
    "linear.tiledSubgroups",
    subgroups,
    subgroups,
    subgroups,
    stored,
  ]);
  expect(chosen({ software: true })).toEqual(["linear.tiledRegisters", flash, stored, stored, stored]);
});

test("a GPU uses workgroup memory, and matrix units only if they were measured to be faster", () => {
  const expected = ["linear.tiled", "attention.flash", ...Array<string>(3).fill("attention.partiallyFused")];
  expect(chosen({ subgroupSize: 32 })).toEqual(expected);
  expect(chosen(matrices)).toEqual(expected);
  expect(chosen({ ...matrices, software: true })[0]).toBe("linear.tiledSubgroups");
});

test("small groups are normed in one dispatch by a GPU, and spread by a processor", () => {
  const graph = new Graph();
  for (const side of [32, 256]) {
    const [weight, bias] = ["weight", "bias"].map((name) => graph.param(`${name}${side}`, [128]));
    const x = graph.input(`x${side}`, [1, 128, side, side]);
    graph.output(`y${side}`, groupNorm({ x, weight, bias }, { groups: 32 }));
  }
  expect(chosenFor(graph, {})).toEqual(["groupNorm.alone", "groupNorm.spread"]);
  expect(chosenFor(graph, { software: true })).toEqual(["groupNorm.spread", "groupNorm.spread"]);
});

test("unpadded pictures are taken for blocks only where blocks are counted", () => {
  const convolved = (gathered: boolean) => {
    const graph = new Graph();
    const picture = () => graph.input("x", [1, 64, 12, 12]);
    const blocks = gathered
      ? ops.gather({ x: picture(), at: graph.input("at", [9, 2], "i32") }, { size: 6, shift: [-1, -1] })
      : graph.input("x", [9, 64, 6, 6]);
    graph.output("y", ops.conv2d({ x: blocks, weight: graph.param("weight", [64, 64, 3, 3]) }));
    return chosenFor(graph, {}).at(-1);
  };
  expect([convolved(true), convolved(false)]).toEqual(["conv2d.winograd4", "conv2d.implicitGemm"]);
});
