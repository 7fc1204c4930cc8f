import { ShapeError } from "./errors.ts";
import type { Dims, Locality, Op } from "./op.ts";
import { describeOperands, parseSignature, resultShape, unify, type Unified } from "./signature.ts";
import { product, type Attr, type Attrs, type Shape, type Tensor } from "./tensor.ts";
import { View } from "./view.ts";

class Refusal extends Error {}

/** Inside `infer`: states what must hold between sizes; the message is completed with op, place and operands. */
export function require(holds: boolean, what: () => string): void {
  if (!holds) throw new Refusal(what());
}

export interface OpDefinition<I extends string, A extends Record<string, Attr>> {
  readonly name: string;
  readonly signature: string;
  /** Attributes with their defaults. */
  readonly attrs: A;
  /** How far one output element looks into each operand; see `Op.locality`. */
  readonly reads: Readonly<Record<I, Locality>>;
  /** See `Op.counts`. */
  readonly counts?: NoInfer<I>;
  /** Sizes of the result that the operands do not give, and checks between those they do. */
  infer?(dims: Dims, attrs: A, shapes: Readonly<Record<I, Shape>>): Record<string, number>;
  /** Multiply-adds, by the papers' counting rule; absent means none. */
  macs?(dims: Dims, attrs: A): number;
  /** The result's shape where letters cannot say it (concat along an axis, say). */
  shape?(shapes: Readonly<Record<I, Shape>>, attrs: A): Shape;
  /** The loops that define the op, in float64. */
  reference(views: Readonly<Record<I | "y", View>>, dims: Dims, attrs: A): void;
}

/** An op that can be called on symbolic tensors. */
export interface CallableOp<
  I extends string = string,
  A extends Record<string, Attr> = Record<string, Attr>,
> extends Op {
  (inputs: Readonly<Record<I, Tensor>>, attrs?: Partial<A>): Tensor;
}

/** Makes an op from its signature, its locality, its cost and its loops. */
export function defineOp<const I extends string, A extends Record<string, Attr>>(
  def: OpDefinition<I, A>,
): CallableOp<I, A> {
  const signature = parseSignature(def.signature);
  const { operands, result } = signature;
  const shapesOf = (inputs: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(inputs).map(([name, t]) => [name, t.shape])) as unknown as Record<I, Shape>;

  function bound(inputs: Readonly<Record<string, Tensor>>, attrs: A, path: string): Unified {
    const where = `${def.name} at ${path}`;
    const unified = unify(signature, inputs, where);
    try {
      return { ...unified, dims: { ...unified.dims, ...def.infer?.(unified.dims, attrs, shapesOf(inputs)) } };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new ShapeError(`${where}: ${error.message} (${describeOperands(inputs)}).`);
    }
  }

  const op: Op = {
    name: def.name,
    signature: def.signature,
    counts: def.counts,
    locality: (name) => def.reads[name as I] ?? "all",
    infer(inputs, attrs, path) {
      const { dims, packs } = bound(inputs, attrs as A, path);
      const shape = def.shape ? def.shape(shapesOf(inputs), attrs as A) : resultShape(signature, dims, packs);
      return { shape, dtype: result.dtype };
    },
    dims: (node) => bound(node.inputs, node.attrs as A, node.path).dims,
    macs: (node) => def.macs?.(op.dims(node), node.attrs as A) ?? 0,
    reference: (views, node) => {
      const collapsed = Object.fromEntries(
        [...operands, { ...result, name: "y" }].map(({ name, pack, letters }) => {
          const view = views[name];
          if (!pack) return [name, view];
          const lead = view.shape.length - letters.length;
          return [name, new View(view.data, [product(view.shape.slice(0, lead)), ...view.shape.slice(lead)])];
        }),
      );
      def.reference(collapsed as Record<I | "y", View>, op.dims(node), node.attrs as A);
    },
  };

  const call = (inputs: Readonly<Record<I, Tensor>>, attrs: Partial<A> = {}): Tensor => {
    const first = inputs[operands[0].name as I];
    if (!first)
      throw new ShapeError(`${def.name}: operand ${operands[0].name} is missing. Signature: ${def.signature}.`);
    return first.graph.apply(callable, inputs, { ...def.attrs, ...attrs } as Attrs);
  };
  const { name: value, ...rest } = op;
  const callable: CallableOp<I, A> = Object.assign(Object.defineProperty(call, "name", { value }), rest) as never;
  return callable;
}
