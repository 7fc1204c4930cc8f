import { substitute, value, type Expr } from "../graph/expr.ts";
import { pass, type Rule } from "../graph/rewrite.ts";
import { label } from "../graph/print.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Ops whose kernels let an expression ride on what they write. */
const anchors = new Set(["conv2d", "linear", "affine", "layerNorm"]);

/**
 * Lets pointwise work ride in the kernel that writes its operand: bias, time embedding, activation, residual; and joins
 * chains of pointwise nodes into one. A node is absorbed into the operand that is computed last, if nothing else reads
 * that operand, it has the result's shape, and the kernel's `maxBindings` tensors suffice.
 */
export const absorb = (maxBindings: number) => {
  const rule: Rule = ({ node, before, uses, after, graph }) => {
    if (node.op.name !== "pointwise") return undefined;
    const operands = Object.values(before.inputs);
    const latestFirst = [...operands.keys()].sort((a, b) => operands[b].id - operands[a].id);
    for (const k of latestFirst) {
      const old = operands[k];
      const writer = after(old);
      const joins = anchors.has(writer.op.name) || (writer.op.name === "pointwise" && !writer.epilogue);
      if (!joins || uses(old) !== 1 || writer.shape.join() !== node.shape.join()) continue;
      const others = operands.filter((_, i) => i !== k).map(after);
      const fused = writer.op.name === "pointwise" ? join(writer, others, k) : ride(writer, others, k);
      const read = new Set([...Object.values(fused.inputs), ...(fused.epilogue?.operands ?? [])]);
      if (read.size + 1 > maxBindings) continue;
      return graph.add(fused);
    }
    return undefined;

    /** The pointwise node with `writer`'s expression in place of its operand k. */
    function join(writer: Tensor, others: Tensor[], k: number) {
      const inputs = [...Object.values(writer.inputs), ...others];
      const own = inputs.length - others.length;
      const terms = operands.map((_, i) => (i === k ? (writer.attrs.expr as Expr) : value(own + (i > k ? i - 1 : i))));
      return {
        ...node,
        path: writer.path,
        inputs: Object.fromEntries(inputs.map((t, i) => [`x${i}`, t])),
        attrs: { label: `${label(writer)}+${node.attrs.label}`, expr: substitute(node.attrs.expr as Expr, terms) },
      };
    }

    /** The writer with the pointwise node in its epilogue. */
    function ride(writer: Tensor, others: Tensor[], k: number) {
      const absorbed = writer.epilogue ?? { expr: value(0), operands: [], labels: [] };
      const own = 1 + absorbed.operands.length;
      const terms = operands.map((_, i) => (i === k ? absorbed.expr : value(own + (i > k ? i - 1 : i))));
      return {
        ...writer,
        epilogue: {
          expr: substitute(node.attrs.expr as Expr, terms),
          operands: [...absorbed.operands, ...others],
          labels: [...absorbed.labels, String(node.attrs.label)],
        },
      };
    }
  };
  return pass("absorb", rule);
};
