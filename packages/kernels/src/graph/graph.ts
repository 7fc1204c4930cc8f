import type { Op } from "./op.ts";
import { Params } from "./params.ts";
import { ShapeError } from "./errors.ts";
import { Tensor, withOperands, type Attrs, type Dtype, type Shape, type TensorSpec } from "./tensor.ts";

const leaf = (name: "input" | "param"): Op => ({
  name,
  signature: `-> y`,
  locality: () => "point",
  infer: () => {
    throw new Error(`${name} has no operands to infer from.`);
  },
  dims: () => ({}),
  macs: () => 0,
  reference: () => {
    throw new Error(`${name} is given, not computed.`);
  },
});
/** A tensor that the caller gives at every run. */
export const input = leaf("input");
/** A tensor that comes from the checkpoint, by name. */
export const param = leaf("param");

/** A model as data: nodes in topological order, with named inputs, parameters and outputs. */
export class Graph {
  readonly nodes: Tensor[] = [];
  readonly inputs = new Map<string, Tensor>();
  /** The manifest: every parameter that the model asked for, by its checkpoint name. */
  readonly params = new Map<string, Tensor>();
  readonly outputs = new Map<string, Tensor>();
  /** What each module of the model returned, by module path: for whoever wants to look at, or tap, an intermediate. */
  readonly results = new Map<string, Tensor>();

  /** Declares an input of the whole graph. */
  input(name: string, shape: Shape, dtype: Dtype = "f32"): Tensor {
    if (this.inputs.has(name)) throw new ShapeError(`Graph.input: there is already an input called ${name}.`);
    checkSizes(`input ${name}`, shape);
    const t = this.add({ op: input, inputs: {}, attrs: { name }, shape, dtype, path: name });
    this.inputs.set(name, t);
    return t;
  }

  /** Declares, or finds, the parameter called `name`; `buffer` if training does not learn it (see `Params.buffer`). */
  param(name: string, shape: Shape, { buffer = false } = {}): Tensor {
    const known = this.params.get(name);
    if (known) {
      if (known.shape.join() !== shape.join())
        throw new ShapeError(`param ${name}: asked for as [${shape.join(" ")}] and as [${known.shape.join(" ")}].`);
      return known;
    }
    checkSizes(`param ${name}`, shape);
    const t = this.add({ op: param, inputs: {}, attrs: { name, buffer }, shape, dtype: "f32", path: name });
    this.params.set(name, t);
    return t;
  }

  /** The root of the checkpoint's names; `scope().at("unet")` walks into it. */
  scope(prefix = ""): Params {
    return new Params(this, prefix);
  }

  /** Declares a result of the whole graph. */
  output(name: string, tensor: Tensor): Tensor {
    if (this.outputs.has(name)) throw new ShapeError(`Graph.output: there is already an output called ${name}.`);
    if (tensor.graph !== this) throw new ShapeError(`Graph.output: ${name} belongs to another graph.`);
    this.outputs.set(name, tensor);
    return tensor;
  }

  /** Applies an op: infers and checks the shape, and labels the node with its place in the model. */
  apply(op: Op, inputs: Readonly<Record<string, Tensor>>, attrs: Attrs): Tensor {
    const operands = Object.values(inputs);
    const owner = operands.find((t) => t.op === param);
    const path = owner ? owner.path.slice(0, Math.max(0, owner.path.lastIndexOf("."))) : (operands[0]?.path ?? op.name);
    for (const t of operands)
      if (t.graph !== this) throw new ShapeError(`${op.name} at ${path}: operands belong to different graphs.`);
    const { shape, dtype } = op.infer(inputs, attrs, path);
    checkSizes(`${op.name} at ${path}`, shape);
    return this.add({ op, inputs, attrs, shape, dtype, path });
  }

  /** Appends a node as it is. For passes; models call ops. */
  add(spec: TensorSpec): Tensor {
    const t = new Tensor(this, this.nodes.length, spec);
    this.nodes.push(t);
    return t;
  }

  /** Another graph's node here: the input or parameter of that name, or the same op on what `operand` says. */
  copy(node: Tensor, operand: (t: Tensor) => Tensor): Tensor {
    if (node.op === input) return this.inputs.get(node.path) ?? this.input(node.path, node.shape, node.dtype);
    if (node.op === param) return this.param(node.path, node.shape, { buffer: node.attrs.buffer === true });
    return this.add(withOperands(node, operand));
  }
}

function checkSizes(what: string, shape: Shape): void {
  if (!shape.every((size) => Number.isInteger(size) && size > 0))
    throw new ShapeError(`${what}: sizes must be positive whole numbers, got [${shape.join(" ")}].`);
}
