import type { Graph, Tensor } from "@tessera/kernels";
import { toFloat32 } from "@tessera/safetensors";
import { cachedOps, sd15Ops, smallOps } from "../../opCases.ts";
import { randomWeights } from "../../randomNumbers.ts";

/** How an engine computes a node. `value` gives the engine's array for an operand, computing it if need be. */
export type Recipes<T> = Readonly<Record<string, (node: Tensor, value: (t: Tensor) => T) => T>>;

/** Thrown for what has not been written for an engine; the comparison goes on without it. */
export class NotWritten extends Error {
  override readonly name = "NotWritten";
}

/** The graph of an operator case, and its parameters' numbers. */
export async function opGraph(op: string | undefined): Promise<{ graph: Graph; params: Map<string, Float32Array> }> {
  const found = [...sd15Ops, ...cachedOps, ...smallOps].find(({ name }) => name === op);
  if (!found) throw new NotWritten("only single operators are written for it.");
  const graph = found.build();
  const weights = randomWeights(graph, "F32");
  const params = new Map<string, Float32Array>();
  for (const name of graph.params.keys()) params.set(name, toFloat32(await weights.get(name)));
  return { graph, params };
}

/** Computes a graph's outputs by the engine's recipes, which go by the op's name or, for pointwise ops, their label. */
export function compute<T>({ outputs }: Graph, leaves: ReadonlyMap<Tensor, T>, recipes: Recipes<T>): T[] {
  const values = new Map(leaves);
  const value = (t: Tensor): T => {
    const known = values.get(t);
    if (known !== undefined) return known;
    const name = t.op.name === "pointwise" ? String(t.attrs.label) : t.op.name;
    const recipe = recipes[name];
    if (!recipe) throw new NotWritten(`${name} is not written for it.`);
    const result = recipe(t, value);
    values.set(t, result);
    return result;
  };
  return [...outputs.values()].map(value);
}
