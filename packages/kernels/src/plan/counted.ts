import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";

/** What is written where a list of blocks ends before its room does: such a block lies outside every picture. */
export const nowhere = -32768;

/**
 * For each tensor that is made of blocks, the tensor that lists them: blocks lie one behind the other, so a run that is
 * given fewer needs only the front of each. An op that reads such a tensor point by point, or by windows, passes it on.
 */
export function countedBy(graph: Graph): ReadonlyMap<Tensor, Tensor> {
  const lists = new Map<Tensor, Tensor>();
  for (const node of graph.nodes) {
    const list = node.op.counts
      ? node.inputs[node.op.counts]
      : Object.entries(node.inputs)
          .filter(([name]) => node.op.locality(name) !== "all")
          .map(([, operand]) => lists.get(operand))
          .find((known) => known);
    if (list) lists.set(node, list);
  }
  return lists;
}

/** The share of a node's work that a run needs, given how many numbers each list has. */
export const neededShare = (list: Tensor | undefined, given: (input: string) => number): number =>
  list?.op.name === "input" ? given(list.path) / list.elements : 1;

/** How many of `total` items must run: whole groups of `group` from the front. */
export const neededItems = (total: number, group: number, share: number): number =>
  Math.min(total, Math.max(0, Math.ceil((total / group) * share - 1e-9)) * group);
