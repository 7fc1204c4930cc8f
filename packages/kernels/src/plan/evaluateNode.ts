import { evaluate } from "../graph/expr.ts";
import type { Tensor } from "../graph/tensor.ts";
import { View } from "../graph/view.ts";
import { broadcastStrides, forEachPosition } from "../ops/pointwise/op.ts";

/** One node in float64, by its op's own loops, then its epilogue: row-major logical order throughout. */
export function evaluateNode(node: Tensor, valueOf: (operand: Tensor) => Float64Array): Float64Array {
  const y = new View(new Float64Array(node.elements), node.shape);
  const views = Object.fromEntries(
    Object.entries(node.inputs).map(([name, t]) => [name, new View(valueOf(t), t.shape)]),
  );
  node.op.reference({ ...views, y }, node);
  if (node.epilogue) {
    const { expr, operands } = node.epilogue;
    const data = operands.map(valueOf);
    const strides = operands.map((t) => broadcastStrides(t.shape, node.shape));
    const values = new Float64Array(operands.length + 1);
    forEachPosition(node.shape, (position, at) => {
      values[0] = y.data[at];
      strides.forEach((s, k) => (values[k + 1] = data[k][position.reduce((sum, p, d) => sum + p * s[d], 0)]));
      y.data[at] = evaluate(expr, values);
    });
  }
  return y.data;
}
