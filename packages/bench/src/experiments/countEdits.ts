import { countMacs } from "@tessera/kernels";
import { sparseMacs, sparsify, type MaskPyramid } from "@tessera/sparse";
import type { EditNetwork } from "./editNetworks.ts";

/** Multiply-adds of a network, and of edits of it by blocks. */
export function countEdits(network: EditNetwork, masks: readonly MaskPyramid[]) {
  const graph = network.graph(network);
  const { sparse, blocks } = sparsify(graph, network.options);
  return { macs: countMacs(graph).total, edits: masks.map((one) => ({ macs: sparseMacs(sparse, blocks(one)) })) };
}
