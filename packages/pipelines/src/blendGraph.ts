import { Graph, type Shape } from "@tessera/kernels";
import { add, mul, scale } from "@tessera/kernels/ops";

/** `x` where `mask` [1 1 h w] is 1, `known` where it is 0 → `blended`. Both of the latents' shape. */
export function blendGraph(shape: Shape): Graph {
  const graph = new Graph();
  const x = graph.input("x", shape);
  const known = graph.input("known", shape);
  const mask = graph.input("mask", [1, 1, ...shape.slice(2)]);
  graph.output("blended", add(mul(known, scale(mask, -1, 1)), mul(x, mask)));
  return graph;
}
