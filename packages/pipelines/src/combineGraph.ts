import { Graph, type Shape } from "@tessera/kernels";
import { add, mul } from "@tessera/kernels/ops";

/** Σ `c0`·`x0` + `c1`·`x1` + … → `sum`, for tensors of one shape and coefficients [1]: a sampler's algebra on the device. */
export function combineGraph(terms: number, shape: Shape): Graph {
  const graph = new Graph();
  const products = Array.from({ length: terms }, (_, k) => mul(graph.input(`x${k}`, shape), graph.input(`c${k}`, [1])));
  graph.output("sum", products.reduce(add));
  return graph;
}
