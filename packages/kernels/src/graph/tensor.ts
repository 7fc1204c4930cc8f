import { ShapeError } from "./errors.ts";
import type { Expr } from "./expr.ts";
import type { Graph } from "./graph.ts";
import type { Op } from "./op.ts";

/** Logical sizes, outermost first: [n c h w] for pictures, [n t e] for tokens. */
export type Shape = readonly number[];
/** What a tensor's numbers mean; how they are stored is the plan's business. */
export type Dtype = "f32" | "i32";
export type Attr = number | boolean | string | readonly number[] | Expr | undefined;
export type Attrs = Readonly<Record<string, Attr>>;

/** Pointwise work done by the kernel that writes a tensor: value 0 is the op's result, value k + 1 is `operands[k]`. */
export interface Epilogue {
  readonly expr: Expr;
  /** Tensors that broadcast (from the right) to the result. */
  readonly operands: readonly Tensor[];
  /** Names of the ops that were absorbed, in order, for plans and debug lines. */
  readonly labels: readonly string[];
}

export interface TensorSpec {
  readonly op: Op;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly attrs: Attrs;
  readonly shape: Shape;
  readonly dtype: Dtype;
  /** Where in the model: the scope of its parameters, else of its first operand. */
  readonly path: string;
  readonly epilogue?: Epilogue;
}

/** A node with other operands. */
export const withOperands = (node: TensorSpec, operand: (t: Tensor) => Tensor): TensorSpec => ({
  ...node,
  inputs: Object.fromEntries(Object.entries(node.inputs).map(([name, t]) => [name, operand(t)])),
  epilogue: node.epilogue && { ...node.epilogue, operands: node.epilogue.operands.map(operand) },
});

/** A symbolic tensor, which is also the node that computes it: an op, its operands, its attributes. */
export class Tensor {
  readonly graph: Graph;
  /** Position in `graph.nodes`, which is a topological order. */
  readonly id: number;
  readonly op: Op;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly attrs: Attrs;
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly path: string;
  readonly epilogue: Epilogue | undefined;

  constructor(graph: Graph, id: number, spec: TensorSpec) {
    this.graph = graph;
    this.id = id;
    this.op = spec.op;
    this.inputs = spec.inputs;
    this.attrs = spec.attrs;
    this.shape = spec.shape;
    this.dtype = spec.dtype;
    this.path = spec.path;
    this.epilogue = spec.epilogue;
  }

  /** Number of elements. */
  get elements(): number {
    return product(this.shape);
  }

  /** Every tensor this node reads: the op's operands, then the epilogue's. */
  get reads(): readonly Tensor[] {
    return [...Object.values(this.inputs), ...(this.epilogue?.operands ?? [])];
  }

  /** The sizes, after checking the rank against named dimensions: `const [n, c] = x.dims("n c h w")`. */
  dims(names: string): number[] {
    const rank = names.trim().split(/\s+/).length;
    if (rank !== this.shape.length)
      throw new ShapeError(
        `${this.op.name} at ${this.path}: expected rank ${rank} [${names}], got rank ${this.shape.length} [${this.shape.join(" ")}].`,
      );
    return [...this.shape];
  }
}

export const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
