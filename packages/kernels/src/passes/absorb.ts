import { substitute, value, type Expr } from "../graph/expr.ts";
import { label } from "../graph/print.ts";
import { pass } from "../graph/rewrite.ts";
import type { Tensor, TensorSpec } from "../graph/tensor.ts";

/** Ops whose kernels let an expression ride on what they write. */
const anchors = new Set(["conv2d", "linear", "affine", "layerNorm"]);

/** An operand of a pointwise node on its way. */
interface Leaf {
  readonly tensor: Tensor;
  /** Nothing else reads it, and it has the result's shape. */
  readonly own: boolean;
}

/**
 * Lets pointwise work ride in the kernel that writes its operand: bias, time embedding, activation, residual. Pointwise
 * operands of a pointwise node are joined to it first; then it rides on the operand that is computed last, if any may
 * carry it. Neither happens where something else reads the operand, or where the kernel would read and write more than
 * `maxBindings` tensors.
 */
export const absorb = (maxBindings: number) =>
  pass("absorb", ({ node, before, uses, after, graph }) => {
    if (node.op.name !== "pointwise") return undefined;
    const fits = (operands: readonly Tensor[]) => new Set(operands).size + 1 <= maxBindings;
    const shape = node.shape.join();
    let leaves = Object.values(before.inputs).map((old): Leaf => {
      const tensor = after(old);
      return { tensor, own: uses(old) === 1 && tensor.shape.join() === shape };
    });
    let expr = node.attrs.expr as Expr;
    let name = String(node.attrs.label);

    for (let k = leaves.length - 1; k >= 0; k--) {
      const { tensor, own } = leaves[k];
      if (!own || tensor.op.name !== "pointwise" || tensor.epilogue) continue;
      const inner = Object.values(tensor.inputs).map((t): Leaf => ({ tensor: t, own: false }));
      const joined = leaves.toSpliced(k, 1, ...inner);
      if (!fits(joined.map((leaf) => leaf.tensor))) continue;
      const shift = (i: number) => (i < k ? i : i + inner.length - 1);
      const spliced = substitute(
        tensor.attrs.expr as Expr,
        inner.map((_, i) => value(k + i)),
      );
      expr = substitute(
        expr,
        leaves.map((_, i) => (i === k ? spliced : value(shift(i)))),
      );
      leaves = joined;
      name = `${label(tensor)}+${name}`;
    }

    const latestFirst = [...leaves.keys()].sort((a, b) => leaves[b].tensor.id - leaves[a].tensor.id);
    for (const k of latestFirst) {
      const { tensor: writer, own } = leaves[k];
      const others = leaves.filter((_, i) => i !== k).map((leaf) => leaf.tensor);
      if (!own || !anchors.has(writer.op.name) || !fits([...writer.reads, ...others])) continue;
      const carried = writer.epilogue ?? { expr: value(0), operands: [], labels: [] };
      const first = 1 + carried.operands.length;
      const terms = leaves.map((_, i) => (i === k ? carried.expr : value(first + (i < k ? i : i - 1))));
      const epilogue = {
        expr: substitute(expr, terms),
        operands: [...carried.operands, ...others],
        labels: [...carried.labels, name],
      };
      return graph.add({ ...writer, epilogue });
    }

    const inputs = Object.fromEntries(leaves.map(({ tensor }, i) => [`x${i}`, tensor]));
    const joined: TensorSpec = { ...node, inputs, attrs: { label: name, expr } };
    return graph.add(joined);
  });
