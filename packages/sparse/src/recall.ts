import { Graph, type Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";

/** Kept states lie row by row, a pixel's channels beside one another: pictures [1 c h w] as tokens [1 h·w c], others as they are. */
export const asRows = (t: Tensor): Tensor => (t.shape.length === 4 ? ops.tokens({ x: t }) : t);

/** The graph that computes some states of a `full` graph of `sparsify`: its outputs are those states, as rows. */
export function recordGraph(full: Graph, kept: readonly string[]): Graph {
  const graph = new Graph();
  const copy = copier(full, graph, new Map(), kept);
  for (const name of kept) graph.output(name, asRows(copy(full.outputs.get(name)!)));
  return graph;
}

/**
 * The graph from the states that were kept, as rows, to all states of a `full` graph: what was not kept is computed again,
 * from what was and from the graph's own inputs, as far as it is needed.
 */
export function recallGraph(full: Graph, states: readonly string[], kept: readonly string[]): Graph {
  const graph = new Graph();
  const given = new Map(
    kept.map((name) => {
      const { shape } = full.outputs.get(name)!;
      const [n, c, h, w] = shape;
      if (shape.length !== 4) return [full.outputs.get(name)!, graph.input(name, shape)];
      return [full.outputs.get(name)!, ops.image({ x: graph.input(name, [n, h * w, c]) }, { height: h })];
    }),
  );
  const copy = copier(full, graph, given, states);
  for (const name of states) graph.output(name, copy(full.outputs.get(name)!));
  return graph;
}

/** Copies of those nodes that the named outputs depend on, where `known` ones depend on nothing. */
function copier(
  full: Graph,
  graph: Graph,
  known: ReadonlyMap<Tensor, Tensor>,
  outputs: readonly string[],
): (t: Tensor) => Tensor {
  const needed = new Set(outputs.map((name) => full.outputs.get(name)!));
  for (const node of full.nodes.toReversed())
    if (needed.has(node) && !known.has(node)) for (const t of node.reads) needed.add(t);
  const copies = new Map(known);
  for (const node of full.nodes) {
    if (needed.has(node) && !copies.has(node))
      copies.set(
        node,
        graph.copy(node, (t) => copies.get(t)!),
      );
  }
  return (t) => copies.get(t)!;
}
