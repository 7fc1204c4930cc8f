import { countedBy, type Graph } from "@tessera/kernels";

/**
 * Multiply-adds of a run of a sparse graph that is given these lists of blocks, by the papers' counting rule: those of
 * `countMacs`, where a node that is made of blocks counts only the blocks that are given.
 */
export function sparseMacs(graph: Graph, blocks: Readonly<Record<string, ArrayLike<number>>>): number {
  const lists = countedBy(graph);
  let total = 0;
  for (const node of graph.nodes) {
    const list = lists.get(node);
    total += list ? (node.op.macs(node) / list.elements) * blocks[list.path].length : node.op.macs(node);
  }
  return Math.round(total);
}
