import { pass } from "../../graph/rewrite.ts";
import { groupNorm as fused } from "../../ops/groupNorm/op.ts";

/**
 * groupStats · affine of the same picture → `groupNorm`, in one dispatch where a group is small. Comes after `absorb`,
 * which has put the activation into the second.
 */
export const groupNorm = () =>
  pass("groupNorm", ({ node, before, uses, graph }) => {
    if (node.op.name !== "affine") return undefined;
    const { x, stats, weight, bias } = node.inputs;
    if (stats.op.name !== "groupStats" || stats.inputs.x !== x || uses(before.inputs.stats) !== 1) return undefined;
    return graph.add({ ...node, op: fused, inputs: { x, weight, bias }, attrs: { ...stats.attrs } });
  });
