import { expect, test } from "vitest";
import { Graph } from "../graph/graph.ts";
import * as ops from "../ops/index.ts";
import { defaultOptions } from "../options.ts";
import { plan } from "../plan/plan.ts";
import { guaranteed, type WebgpuCaps } from "./caps.ts";
import * as ladders from "./ladders.ts";

/** Names of the kernels for a linear layer and attention with heads of 40, 80, 160 and 192, weights in halves. */
function chosen(caps: Partial<WebgpuCaps>): string[] {
  const graph = new Graph();
  graph.output("y", ops.linear({ x: graph.input("x", [64, 32]), weight: graph.param("weight", [64, 32]) }));
  for (const d of [40, 80, 160, 192]) {
    const q = graph.input(`q${d}`, [1, 64, d]);
    graph.output(`y${d}`, ops.attention({ q, k: q, v: q }, { heads: 1 }));
  }
  const target = { caps: { ...guaranteed, ...caps }, ladders, memoryUnit: "blocks" } as const;
  return plan(graph, target, defaultOptions, () => "f16").calls.map(({ kernel }) => kernel.name);
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
