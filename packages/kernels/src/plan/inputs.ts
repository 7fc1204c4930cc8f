import { DeviceError, ShapeError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { countedBy, nowhere } from "./counted.ts";
import { evaluateNode } from "./evaluateNode.ts";
import type { DeviceTensor, HostTensor } from "./program.ts";

/** How many numbers an input was given. */
export const givenLength = (value: HostTensor | DeviceTensor): number =>
  isDeviceTensor(value) ? value.shape.reduce((a, b) => a * b, 1) : value.length;

/** Refuses another tensor for an input that is bound to one. */
export function assertBound(name: string, isTheOne: boolean): void {
  if (isTheOne) return;
  throw new DeviceError(`run: input ${name} is bound to a result of another program. Give that, or compile without.`);
}

export const isDeviceTensor = (t: HostTensor | DeviceTensor): t is DeviceTensor => "read" in t;

/** Checks that every input of the graph is given, with its size, and nothing else. Lists of blocks may be shorter. */
export function checkInputs(graph: Graph, given: Readonly<Record<string, HostTensor | DeviceTensor>>): void {
  for (const name of Object.keys(given))
    if (!graph.inputs.has(name))
      throw new ShapeError(`run: there is no input called ${name}. Inputs: ${[...graph.inputs.keys()].join(", ")}.`);
  for (const { op, inputs } of graph.nodes) {
    const ids = op.name === "embed" && inputs.ids.op.name === "input" ? given[inputs.ids.path] : undefined;
    if (ids && !isDeviceTensor(ids)) checkIds(inputs.ids.path, ids, inputs.table.shape[0]);
  }
  const lists = new Set(countedBy(graph).values());
  for (const [name, t] of graph.inputs) {
    const value = given[name];
    if (!value) throw new ShapeError(`run: input ${name} [${t.shape.join(" ")}] is missing.`);
    const count = givenLength(value);
    if (lists.has(t) && count < t.elements && count % t.shape[1] === 0) continue;
    if (count !== t.elements)
      throw new ShapeError(`run: input ${name} has ${count} numbers, expected ${t.elements} [${t.shape.join(" ")}].`);
  }
}

/** Devices would read another row, or none, where an id is outside its table. */
function checkIds(name: string, ids: HostTensor, rows: number): void {
  const bad = ids.findIndex((id: number) => !(id >= 0 && id < rows));
  if (bad >= 0)
    throw new RangeError(`run: input ${name} has id ${ids[bad]} at ${bad}, outside the table's ${rows} rows.`);
}

/** The numbers of an input on the host, wherever they are now. */
export async function readInput(t: Tensor, value: HostTensor | DeviceTensor): Promise<Float32Array | Int32Array> {
  const numbers = isDeviceTensor(value) ? await value.read() : value;
  if (t.dtype === "i32" && numbers.length < t.elements) {
    const padded = new Int32Array(t.elements).fill(nowhere);
    padded.set(numbers);
    return padded;
  }
  if (t.dtype === "i32") return numbers instanceof Int32Array ? numbers : Int32Array.from(numbers);
  return numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
}

/** Computes a plan's host nodes with the ops' own loops; each result goes to `upload`. */
export async function runHostNodes(
  nodes: readonly Tensor[],
  given: Readonly<Record<string, HostTensor | DeviceTensor>>,
  upload: (node: Tensor, values: Float32Array) => void,
): Promise<void> {
  for (const node of nodes) {
    const operands = new Map<Tensor, Float64Array>();
    for (const t of Object.values(node.inputs)) operands.set(t, Float64Array.from(await readInput(t, given[t.path])));
    upload(node, Float32Array.from(evaluateNode(node, (t) => operands.get(t)!)));
  }
}
