import { toFloat32, type WeightSource } from "@tessera/safetensors";
import { KernelError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { product, type Shape, type Tensor } from "../graph/tensor.ts";
import { lowerExpr, lowerings, operands, transpose, type Emitter } from "./lower.ts";
import { modelProto, nodeProto, tensorProto, valueInfoProto, type OnnxAttribute } from "./model.ts";
import type { Message } from "./protobuf.ts";

/** The operator set that models are written in: the first with GELU (onnx 1.15, 2023). */
const opset = 20;
/** Protocol Buffers end here. */
const maxModelBytes = 2 ** 31 - 1;

export interface ExportOptions {
  /** The graph's name in the model. */
  readonly name?: string;
  /**
   * Where weights go, if not into the model: a file beside it, of this name, which `write` appends to. Needed for models
   * of 2 GiB and more.
   */
  readonly external?: { readonly location: string; write(bytes: Uint8Array): unknown };
  readonly signal?: AbortSignal;
}

export interface OnnxModel {
  /** The `.onnx` file. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** The graph's outputs by the names they have in the model: `out_sample` where an input is called `sample`. */
  readonly outputs: ReadonlyMap<string, string>;
}

/** A constant of the model whose numbers come from the weights. */
interface Weight {
  readonly name: string;
  readonly param: Tensor;
  readonly shape: Shape;
  readonly transposed: boolean;
}

/**
 * Writes a graph and its weights as an ONNX model (opset 20, f32, fixed sizes) that other engines run. The graph is
 * taken as it is: give one that no pass has touched, and the engine's own optimiser sees plain operators.
 *
 * @throws {RangeError} if the model would be 2 GiB or more and `external` was not given
 * @throws {KernelError} for an op that has no form in ONNX
 */
export async function exportOnnx(
  graph: Graph,
  weights: WeightSource,
  { name = "tessera", external, signal }: ExportOptions = {},
): Promise<OnnxModel> {
  const emission = new Emission(graph);
  const outputs = new Map<string, string>();
  for (const [output, t] of graph.outputs) {
    const free = graph.inputs.has(output) || graph.params.has(output) ? `out_${output}` : output;
    emission.alias(free, emission.value(t));
    outputs.set(output, free);
  }

  const initializers = [...emission.constants];
  const size = [...emission.nodes, ...initializers].reduce((sum, m) => sum + m.length, 0);
  const weightBytes = emission.weights.reduce((sum, w) => sum + 4 * product(w.shape), 0);
  if (!external && size + weightBytes > maxModelBytes)
    throw new RangeError(
      `exportOnnx: the model would take ${size + weightBytes} bytes, and the format ends at ${maxModelBytes}. Give \`external\`, so that weights go to a file of their own.`,
    );
  let offset = 0;
  for (const { name, param, shape, transposed } of emission.weights) {
    signal?.throwIfAborted();
    const stored = toFloat32(await weights.get(param.path, { signal }));
    const data = transposed ? transpose(stored, param.shape) : stored;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (external) await external.write(bytes);
    const place = external ? { location: external.location, offset, length: bytes.length } : bytes;
    initializers.push(tensorProto(name, "f32", shape, place));
    offset += bytes.length;
  }
  const info = (name: string, t: Tensor) => valueInfoProto(name, t.dtype, t.shape);
  const model = modelProto(
    {
      name,
      nodes: emission.nodes,
      initializers,
      inputs: [...graph.inputs].map(([name, t]) => info(name, t)),
      outputs: [...graph.outputs].map(([name, t]) => info(outputs.get(name)!, t)),
    },
    opset,
  );
  return { model: model.encode(), outputs };
}

/** Nodes and constants of a model, as lowerings ask for them. */
class Emission implements Emitter {
  readonly nodes: Message[] = [];
  readonly constants: Message[] = [];
  readonly weights: Weight[] = [];
  readonly #values = new Map<Tensor, string>();
  readonly #known = new Set<string>();
  #place = "";

  /** Lowers what the outputs need, in the graph's order. */
  constructor(graph: Graph) {
    const needed = new Set(graph.outputs.values());
    for (const node of graph.nodes.toReversed()) if (needed.has(node)) for (const t of operands(node)) needed.add(t);
    for (const node of graph.nodes) {
      if (!needed.has(node) || throughReshape(node).op.name === "param") continue;
      this.#place = node.path;
      this.#values.set(node, this.#lower(node));
    }
  }

  /** Parameters become constants when they are asked for, since linear layers want theirs in another form. */
  value(t: Tensor): string {
    const root = throughReshape(t);
    return root.op.name === "param" ? this.#weight(root, t.shape) : this.#values.get(t)!;
  }

  transposedParam(t: Tensor): string | undefined {
    return t.op.name === "param" ? this.#weight(t, [t.shape[1], t.shape[0]], true) : undefined;
  }

  emit(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    output = `${this.#place}/${opType}_${this.nodes.length}`,
  ): string {
    this.nodes.push(nodeProto(opType, inputs, output, attributes));
    return output;
  }

  /** Gives a value another name. */
  alias(name: string, value: string): void {
    this.emit("Identity", [value], {}, name);
  }

  ints(values: readonly number[]): string {
    const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.#constant(`ints/${values.join("x")}`, "i64", [values.length], data);
  }

  floats(values: ArrayLike<number>, shape: Shape): string {
    const data = Float32Array.from(values);
    const name = `floats/${shape.join("x")}/${data.length > 1 ? this.constants.length : data[0]}`;
    return this.#constant(name, "f32", shape, new Uint8Array(data.buffer));
  }

  #constant(name: string, type: "i64" | "f32", shape: Shape, data: Uint8Array): string {
    if (!this.#known.has(name)) this.constants.push(tensorProto(name, type, shape, data));
    this.#known.add(name);
    return name;
  }

  #weight(param: Tensor, shape: Shape, transposed = false): string {
    const plain = !transposed && shape.join() === param.shape.join();
    const name = plain ? param.path : `${param.path}/${shape.join("x")}${transposed ? "/transposed" : ""}`;
    if (!this.#known.has(name)) this.weights.push({ name, param, shape, transposed });
    this.#known.add(name);
    return name;
  }

  #lower(node: Tensor): string {
    if (node.op.name === "input") return node.path;
    const lower = lowerings[node.op.name];
    if (!lower) throw new KernelError(`exportOnnx: ${node.op.name} at ${node.path} has no form in ONNX.`);
    const result = lower(this, node);
    if (!node.epilogue) return result;
    return lowerExpr(this, node.epilogue.expr, [result, ...node.epilogue.operands.map((t) => this.value(t))]);
  }
}

const throughReshape = (t: Tensor): Tensor => (t.op.name === "reshape" && !t.epilogue ? throughReshape(t.inputs.x) : t);
