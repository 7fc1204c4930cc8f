import { Graph, input, param } from "./graph.ts";
import { withOperands, type Tensor, type TensorSpec } from "./tensor.ts";

/** A pure change of graphs, with the name by which options switch it and plans print it. */
export interface Pass {
  readonly name: string;
  apply(graph: Graph): Graph;
}

/** What a rule sees: the node as it will be rebuilt, and what it may ask about the graph it came from. */
export interface Site {
  /** The node, its operands already rewritten. */
  readonly node: TensorSpec;
  /** The node as it stood before this pass. */
  readonly before: Tensor;
  /** How many reads the *old* graph makes of a tensor (outputs count). */
  uses(before: Tensor): number;
  /** The rewritten form of an old tensor. */
  after(before: Tensor): Tensor;
  readonly graph: Graph;
}

/** Returns the tensor to put in the node's place, or nothing to keep it. */
export type Rule = (site: Site) => Tensor | undefined;

/** A pass that walks the graph from inputs to outputs, lets the first rule that answers replace each node, and prunes. */
export function pass(name: string, ...rules: Rule[]): Pass {
  return { name, apply: (graph) => rewrite(rewrite(graph, rules), []) };
}

function rewrite(old: Graph, rules: readonly Rule[]): Graph {
  const graph = new Graph();
  const uses = countUses(old);
  const map = new Map<Tensor, Tensor>();
  const after = (t: Tensor): Tensor => map.get(t)!;
  for (const t of old.inputs.values()) map.set(t, graph.copy(t, after));
  for (const before of old.nodes) {
    if (before.op === input || !uses.has(before)) continue;
    if (before.op === param) {
      map.set(before, graph.copy(before, after));
      continue;
    }
    const node = withOperands(before, after);
    const site: Site = { node, before, uses: (t) => uses.get(t) ?? 0, after, graph };
    let replacement: Tensor | undefined;
    for (const rule of rules) if ((replacement = rule(site))) break;
    map.set(before, replacement ?? graph.add(node));
  }
  for (const [name, t] of old.outputs) graph.output(name, after(t));
  return graph;
}

/** Reads of each tensor that an output depends on; what is absent is dead. */
export function countUses(graph: Graph): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  const count = (t: Tensor): void => void uses.set(t, (uses.get(t) ?? 0) + 1);
  for (const t of graph.outputs.values()) count(t);
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    const t = graph.nodes[id];
    if (uses.has(t)) t.reads.forEach(count);
  }
  return uses;
}
