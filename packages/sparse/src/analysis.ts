import { Graph, type Tensor } from "@tessera/kernels";

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
  const known = new Map<Tensor, Grid | undefined>();
  const find = (v: Tensor): Grid | undefined => {
    const [n, , height, width] = v.shape;
    if (v.shape.length === 4) return n === 1 && height * width > 1 ? { height, width } : undefined;
    if (v.shape.length !== 3 || n !== 1) return undefined;
    if (v.op.name === "tokens") return grid(v.inputs.x);
    for (const [name, t] of Object.entries(v.inputs)) {
      const own = v.op.locality(name) === "point" ? grid(t) : undefined;
      if (own && own.height * own.width === v.shape[1]) return own;
    }
    return undefined;
  };
  const grid = (v: Tensor): Grid | undefined => {
    if (!known.has(v)) known.set(v, find(v));
    return known.get(v);
  };
  return grid;
}

/** A copy of the graph with more outputs. */
export function recorded(old: Graph, outputs: readonly { readonly name: string; readonly of: Tensor }[]): Graph {
  const graph = new Graph();
  const copies = new Map<Tensor, Tensor>();
  for (const [name, t] of old.inputs) copies.set(t, graph.input(name, t.shape, t.dtype));
  for (const v of old.nodes) {
    if (v.op.name === "input") continue;
    const inputs = Object.fromEntries(Object.entries(v.inputs).map(([name, t]) => [name, copies.get(t)!]));
    copies.set(v, v.op.name === "param" ? graph.param(v.path, v.shape) : graph.add({ ...v, inputs }));
  }
  for (const [name, t] of old.outputs) graph.output(name, copies.get(t)!);
  for (const { name, of } of outputs) graph.output(name, copies.get(of)!);
  return graph;
}
