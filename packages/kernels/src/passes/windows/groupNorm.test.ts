import { expect, test } from "vitest";
import { passes } from "../../compile.ts";
import { Graph } from "../../graph/graph.ts";
import { printGraph } from "../../graph/print.ts";
import { affine, groupStats, silu } from "../../ops/index.ts";
import { without } from "../../options.ts";
import { ladders } from "../../webgpu/index.ts";

function graphOf(tapped = false): Graph {
  const g = new Graph();
  const x = g.input("x", [1, 6, 2, 2]);
  const stats = groupStats({ x }, { groups: 3 });
  const p = g.scope("norm");
  g.output("y", silu(affine({ x, stats, weight: p.get("weight", [6]), bias: p.get("bias", [6]) })));
  if (tapped) g.output("stats", stats);
  return g;
}
const printed = (graph: Graph, target: Parameters<typeof passes>[0], options = without()) =>
  printGraph(passes(target, options).reduce((g, p) => p.apply(g), graph));

test("statistics and what they are for become one node, with the activation", () => {
  expect(printed(graphOf(), { maxBindings: 8, ladders })).toMatchInlineSnapshot(`
    "input x f32 [1 6 2 2]
    %3 = groupNorm+silu(x, weight, bias, groups=3, eps=0.00001) → mul(x0, div(1, add(1, exp(sub(0, x0))))) of (·) [1 6 2 2]  # norm
    output y = %3"
  `);
});

test.each([
  ["the statistics are read by others", graphOf(true), ladders, without()],
  ["it is switched off", graphOf(), ladders, without("groupNorm")],
  ["the backend has no kernel for it", graphOf(), {}, without()],
])("no window where %s", (_, graph, own, options) => {
  expect(printed(graph, { maxBindings: 8, ladders: own }, options)).toContain("groupStats");
});
