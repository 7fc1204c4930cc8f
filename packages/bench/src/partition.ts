import { Graph, memo, type Tensor } from "@tessera/kernels";

/**
 * A graph as graphs to run one after the other, each with at most `maxBytes` of f32 parameters (more only where a single
 * node has more). What one hands to later ones is an output of it and an input of theirs, by the same name; the graph's own inputs
 * and outputs keep theirs. For engines whose address space does not hold the whole.
 */
export function partition(graph: Graph, maxBytes: number): Graph[] {
  const isConstant = (t: Tensor): boolean =>
    t.op.name === "param" || (t.op.name === "reshape" && isConstant(t.inputs.x));
  const computed = graph.nodes.filter((t) => t.op.name !== "input" && !isConstant(t));
  const groups: Tensor[][] = [[]];
  let held = new Map<string, number>();
  for (const node of computed) {
    const params = node.reads.filter(isConstant).map((t) => [rootOf(t).path, 4 * t.elements] as const);
    const together = new Map([...held, ...params]);
    const total = [...together.values()].reduce((a, b) => a + b, 0);
    const fits = total <= maxBytes || groups.at(-1)!.length === 0;
    if (!fits) groups.push([]);
    held = fits ? together : new Map(params);
    groups.at(-1)!.push(node);
  }

  const groupOf = new Map(groups.flatMap((nodes, k) => nodes.map((node) => [node, k] as const)));
  const handedOn = new Set<Tensor>();
  for (const node of computed)
    for (const t of node.reads) if (groupOf.has(t) && groupOf.get(t) !== groupOf.get(node)) handedOn.add(t);

  return groups.map((nodes) => {
    const part = new Graph();
    const bring = memo((t: Tensor): Tensor => {
      const isGiven = t.op.name === "param" || t.op.name === "input" || isConstant(t);
      return isGiven || nodes.includes(t) ? part.copy(t, bring) : part.input(`value/${t.id}`, t.shape, t.dtype);
    });
    for (const node of nodes) {
      const here = bring(node);
      if (handedOn.has(node)) part.output(`value/${node.id}`, here);
    }
    for (const [name, t] of graph.outputs) if (nodes.includes(t)) part.output(name, bring(t));
    return part;
  });
}

const rootOf = (t: Tensor): Tensor => (t.op.name === "reshape" ? rootOf(t.inputs.x) : t);
