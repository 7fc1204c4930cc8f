import { Graph, memo, type Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";

/** Pixels of a picture, or of the picture that tokens were made from. */
export interface Grid {
  readonly height: number;
  readonly width: number;
}

/** Whether a tensor depends on any of the named inputs. */
export function downstreamOf({ nodes, inputs }: Graph, names: readonly string[]): (v: Tensor) => boolean {
  const reached = new Set(names.map((name) => inputs.get(name)!));
  for (const node of nodes) if (node.reads.some((t) => reached.has(t))) reached.add(node);
  return (v) => reached.has(v);
}

/** The nodes that read a tensor, once for each read. */
export function consumersOf({ nodes }: Graph): (v: Tensor) => readonly Tensor[] {
  const consumers = new Map<Tensor, Tensor[]>();
  for (const node of nodes)
    for (const t of node.reads) {
      if (!consumers.has(t)) consumers.set(t, []);
      consumers.get(t)!.push(node);
    }
  return (v) => consumers.get(v) ?? [];
}

/** Where the pixels of a tensor lie, if it has any: of pictures, and of tokens made from one. */
export function gridOf(): (v: Tensor) => Grid | undefined {
  const grid = memo((v: Tensor): Grid | undefined => {
    const [n, , height, width] = v.shape;
    if (v.shape.length === 4) return n === 1 && height * width > 1 ? { height, width } : undefined;
    if (v.shape.length !== 3 || n !== 1) return undefined;
    if (v.op.name === "tokens") return grid(v.inputs.x);
    for (const [name, t] of Object.entries(v.inputs)) {
      const own = v.op.locality(name) === "point" ? grid(t) : undefined;
      if (own && own.height * own.width === v.shape[1]) return own;
    }
    return undefined;
  });
  return grid;
}

/** A copy of the graph, and of each of its tensors. */
function copied(old: Graph): { readonly graph: Graph; readonly copies: Map<Tensor, Tensor> } {
  const graph = new Graph();
  const copies = new Map<Tensor, Tensor>();
  for (const v of old.nodes)
    copies.set(
      v,
      graph.copy(v, (t) => copies.get(t)!),
    );
  for (const [name, t] of old.outputs) graph.output(name, copies.get(t)!);
  return { graph, copies };
}

/** A copy of the graph with more outputs. */
export function recorded(old: Graph, outputs: readonly { readonly name: string; readonly of: Tensor }[]): Graph {
  const { graph, copies } = copied(old);
  for (const { name, of } of outputs) graph.output(name, copies.get(of)!);
  return graph;
}

/** What a norm multiplies with and adds, by channel, [1 c 1 1] each. */
export interface Factors {
  readonly scale: Tensor;
  readonly shift: Tensor;
}

/** A copy of the graph that also has the factors of each group norm of one picture, by its `affine`. */
export function withFactors(old: Graph): { readonly graph: Graph; readonly factors: ReadonlyMap<Tensor, Factors> } {
  const { graph, copies } = copied(old);
  const factors = new Map<Tensor, Factors>();
  for (const v of copies.values()) {
    if (v.op.name !== "affine" || v.shape[0] !== 1) continue;
    const { stats, weight, bias } = v.inputs;
    const [c, g] = [v.shape[1], stats.shape[1]];
    // They belong to the norm, not to what made the picture.
    const statistic = (k: number) =>
      graph.add({ ...ops.slice({ x: stats }, { axis: 2, begin: k, end: k + 1 }), path: v.path });
    const grouped = (x: Tensor) => ops.reshape({ x }, { shape: [1, g, c / g] });
    const byChannel = (x: Tensor) => ops.reshape({ x }, { shape: [1, c, 1, 1] });
    const scale = ops.mul(grouped(weight), statistic(1));
    const shift = ops.sub(grouped(bias), ops.mul(statistic(0), scale));
    factors.set(v, { scale: byChannel(scale), shift: byChannel(shift) });
  }
  return { graph, factors };
}
