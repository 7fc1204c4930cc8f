import { print, substitute, value, type Expr } from "../../graph/expr.ts";
import type { Op } from "../../graph/op.ts";
import { pass } from "../../graph/rewrite.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { gated } from "../../ops/gated/op.ts";
import { gatedLinear } from "../../ops/gatedLinear/op.ts";

/** Halves of a projection must be whole panels of any backend's matrix product, and its depth whole vectors. */
const multiple = 16;
const vector = 4;

/**
 * slice · slice · expression of both → `gated`, and where the slices are the halves of a linear layer with its bias that
 * nothing else reads, → `gatedLinear`: GEGLU and its relatives without the projection in memory. Comes after `absorb`,
 * which has put the bias into the linear layer and the activation into the product. `has` says which of the two there are
 * kernels for.
 */
export const geglu = (has: { readonly gated: boolean; readonly gatedLinear: boolean }) =>
  pass("geglu", ({ node, before, uses, graph }) => {
    if (node.op.name !== "pointwise" || node.epilogue) return undefined;
    const parts = Object.values(node.inputs);
    const whole = parts[0].inputs.x;
    if (parts.length !== 2 || !parts.every((part) => part.op.name === "slice" && part.inputs.x === whole))
      return undefined;
    const slices = Object.values(before.inputs);
    const width = whole.shape.at(-1)! / 2;
    const begins = parts.map(({ attrs }) => attrs.begin as number);
    const lastAxis = whole.shape.length - 1;
    if (slices.some((part) => uses(part) !== 1)) return undefined;
    if (parts.some((part) => part.attrs.axis !== lastAxis || part.shape.at(-1) !== width)) return undefined;
    if (begins.toSorted((a, b) => a - b).join() !== `0,${width}`) return undefined;
    const expr = substitute(
      node.attrs.expr as Expr,
      begins.map((begin) => value(begin ? 1 : 0)),
    );
    const window = (op: Op, inputs: Readonly<Record<string, Tensor>>) =>
      graph.add({ ...node, op, path: whole.path, inputs, attrs: { label: `${op.name}+${node.attrs.label}`, expr } });
    const bias = biasOf(whole);
    const inPanels = width % multiple === 0 && whole.shape.length !== 4;
    const inVectors = bias && whole.inputs.weight.shape[1] % vector === 0;
    if (has.gatedLinear && inVectors && inPanels && uses(slices[0].inputs.x) === 2)
      return window(gatedLinear, { x: whole.inputs.x, weight: whole.inputs.weight, bias });
    return has.gated ? window(gated, { x: whole }) : undefined;
  });

/** The bias of a linear layer whose weight and bias are parameters, if a bias is all it has absorbed. */
function biasOf({ op, inputs, epilogue, shape }: Tensor): Tensor | undefined {
  if (op.name !== "linear" || inputs.weight.op.name !== "param") return undefined;
  if (!epilogue || print(epilogue.expr) !== "add(x0, x1)") return undefined;
  const [bias] = epilogue.operands;
  return bias.op.name === "param" && bias.shape.join() === String(shape.at(-1)) ? bias : undefined;
}
