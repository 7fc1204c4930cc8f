import type { Attrs, Dtype, Shape, Tensor } from "./tensor.ts";
import type { View } from "./view.ts";

/** How far one output element looks into an operand: its own position, a neighbourhood, or everything. */
export type Locality = "point" | "window" | "all";
/** Sizes by letter, as the op's signature names them; a `..b` pack stands as the product of its sizes. */
export type Dims = Readonly<Record<string, number>>;

/** What a node does: shapes, cost, locality and the loops that define it. How it runs fast is a kernel's business. */
export interface Op {
  readonly name: string;
  /** The shape doc, which is also the rank check and the error message. */
  readonly signature: string;
  /** How far one output element looks into operand `name`. */
  locality(name: string): Locality;
  /** The operand that lists the blocks the result is made of, if it is: fewer may be given than it has room for. */
  readonly counts?: string;
  /** Shape and dtype of the result, or an error that names `path`, both numbers and every operand. */
  infer(inputs: Readonly<Record<string, Tensor>>, attrs: Attrs, path: string): { shape: Shape; dtype: Dtype };
  /** Sizes by letter for a node of this op. */
  dims(node: Tensor): Dims;
  /** Multiply-adds of convolutions, matrix products and attention; 0 for all else (the papers' counting rule). */
  macs(node: Tensor): number;
  /** The definition, in float64. `views` holds the operands and `y`, with packs collapsed. */
  reference(views: Readonly<Record<string, View>>, node: Tensor): void;
}
