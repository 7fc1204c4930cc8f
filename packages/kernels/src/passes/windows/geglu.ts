import { print, substitute, value, type Expr } from "../../graph/expr.ts";
import { pass } from "../../graph/rewrite.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { gatedLinear } from "../../ops/gatedLinear/op.ts";

/** Halves of a projection must be whole panels of any backend's matrix product, and its depth whole vectors. */
const multiple = 16;
const vector = 4;

/**
 * linear + bias · slice · slice · expression of both → `gatedLinear`: GEGLU and its relatives without the projection in
 * memory. Comes after `absorb`, which has put the bias into the linear layer and the activation into the product.
 */
export const geglu = () =>
  pass("geglu", ({ node, before, uses, graph }) => {
    if (node.op.name !== "pointwise" || node.epilogue) return undefined;
    const parts = Object.values(node.inputs);
    const whole = parts[0].inputs.x;
    if (parts.length !== 2 || !parts.every((part) => part.op.name === "slice" && part.inputs.x === whole))
      return undefined;
    if (Object.values(before.inputs).some((part) => uses(part) !== 1 || uses(part.inputs.x) !== 2)) return undefined;
    const bias = biasOf(whole);
    const width = whole.shape.at(-1)! / 2;
    const begins = parts.map(({ attrs }) => attrs.begin as number);
    const lastAxis = whole.shape.length - 1;
    if (!bias || width % multiple || whole.inputs.weight.shape[1] % vector || whole.shape.length === 4)
      return undefined;
    if (parts.some((part) => part.attrs.axis !== lastAxis || part.shape.at(-1) !== width)) return undefined;
    if (begins.toSorted((a, b) => a - b).join() !== `0,${width}`) return undefined;
    const order = begins.map((begin) => value(begin ? 1 : 0));
    return graph.add({
      ...node,
      op: gatedLinear,
      path: whole.path,
      inputs: { x: whole.inputs.x, weight: whole.inputs.weight, bias },
      attrs: { label: `gatedLinear+${node.attrs.label}`, expr: substitute(node.attrs.expr as Expr, order) },
    });
  });

/** The bias of a linear layer whose weight and bias are parameters, if a bias is all it has absorbed. */
function biasOf({ op, inputs, epilogue, shape }: Tensor): Tensor | undefined {
  if (op.name !== "linear" || inputs.weight.op.name !== "param") return undefined;
  if (!epilogue || print(epilogue.expr) !== "add(x0, x1)") return undefined;
  const [bias] = epilogue.operands;
  return bias.op.name === "param" && bias.shape.join() === String(shape.at(-1)) ? bias : undefined;
}
