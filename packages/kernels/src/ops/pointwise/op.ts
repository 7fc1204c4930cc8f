import { evaluate, type Expr } from "../../graph/expr.ts";
import type { Op } from "../../graph/op.ts";
import { ShapeError } from "../../graph/errors.ts";
import { describeOperands } from "../../graph/signature.ts";
import type { Shape, Tensor } from "../../graph/tensor.ts";

/** One expression at every position; operands x0, x1 … broadcast from the right, as in NumPy. */
export const pointwise: Op = {
  name: "pointwise",
  signature: "x0[..] x1[..] … -> y[..]",
  locality: () => "point",
  infer(inputs, _attrs, path) {
    let shape: Shape = [];
    for (const t of Object.values(inputs)) {
      if (t.dtype !== "f32")
        throw new ShapeError(`pointwise at ${path}: operands must be f32 (${describeOperands(inputs)}).`);
      shape = broadcast(shape, t.shape) ?? fail(path, inputs);
    }
    return { shape, dtype: "f32" };
  },
  dims: (node) => ({ b: node.elements }),
  macs: () => 0,
  reference(views, node) {
    const operands = Object.keys(node.inputs).map((name) => ({
      data: views[name].data,
      strides: broadcastStrides(views[name].shape, node.shape),
    }));
    const expr = node.attrs.expr as Expr;
    const values = new Float64Array(operands.length);
    forEachPosition(node.shape, (position, at) => {
      operands.forEach(({ data, strides }, k) => (values[k] = data[dot(position, strides)]));
      views.y.data[at] = evaluate(expr, values);
    });
  },
};

/** A pointwise node. `label` is its name in plans. */
export function applyPointwise(label: string, operands: readonly Tensor[], expr: Expr): Tensor {
  const inputs = Object.fromEntries(operands.map((t, k) => [`x${k}`, t]));
  return operands[0].graph.apply(pointwise, inputs, { label, expr });
}

/** The common shape of two, or undefined where they do not agree. */
export function broadcast(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) {
    const [p, q] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    if (p !== q && p !== 1 && q !== 1) return undefined;
    shape.push(Math.max(p, q));
  }
  return shape;
}

/** Row-major strides of an operand over the positions of `shape`: 0 where it broadcasts. */
export function broadcastStrides(operand: Shape, shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(0);
  let stride = 1;
  for (let i = operand.length - 1; i >= 0; i--) {
    if (operand[i] !== 1) strides[shape.length - operand.length + i] = stride;
    stride *= operand[i];
  }
  return strides;
}

/** Calls `visit` at every position of `shape`, in row-major order, with its linear index. */
export function forEachPosition(shape: Shape, visit: (position: readonly number[], at: number) => void): void {
  const position = new Array<number>(shape.length).fill(0);
  const total = shape.reduce((a, b) => a * b, 1);
  for (let at = 0; at < total; at++) {
    visit(position, at);
    for (let d = shape.length - 1; d >= 0 && ++position[d] === shape[d]; d--) position[d] = 0;
  }
}

const dot = (a: readonly number[], b: readonly number[]): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

function fail(path: string, inputs: Readonly<Record<string, Tensor>>): never {
  throw new ShapeError(`pointwise at ${path}: sizes do not broadcast (${describeOperands(inputs)}).`);
}
