import type { Graph } from "./graph.ts";
import { product } from "./tensor.ts";

export interface MacCount {
  /** Multiply-adds in all: convolutions, linear layers, attention products; bias, norms and activations not counted. */
  readonly total: number;
  readonly byOp: Readonly<Record<string, number>>;
  /** By the first `depth` parts of the node's place in the model. */
  readonly byScope: Readonly<Record<string, number>>;
}

/** Multiply-adds of one run, by the counting rule of the papers (one multiply and one add = 1). */
export function countMacs(graph: Graph, depth = 2): MacCount {
  const byOp: Record<string, number> = {};
  const byScope: Record<string, number> = {};
  let total = 0;
  for (const t of graph.nodes) {
    const macs = t.op.macs(t);
    if (!macs) continue;
    const scope = t.path.split(".").slice(0, depth).join(".");
    total += macs;
    byOp[t.op.name] = (byOp[t.op.name] ?? 0) + macs;
    byScope[scope] = (byScope[scope] ?? 0) + macs;
  }
  return { total, byOp, byScope };
}

/** Numbers in the model's parameters; buffers are not counted, as papers do not. */
export function countParameters(graph: Graph): number {
  return [...graph.params.values()].reduce((sum, t) => sum + (t.attrs.buffer ? 0 : product(t.shape)), 0);
}
