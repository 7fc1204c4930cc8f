import { pass } from "../graph/rewrite.ts";
import type { Tensor, TensorSpec } from "../graph/tensor.ts";

/** Drops what no output needs, repeated subexpressions, and reshapes to the shape a tensor already has. */
export const simplify = () => {
  const seen = new WeakMap<object, Map<string, Tensor>>();
  return pass(
    "simplify",
    ({ node }) => (node.op.name === "reshape" && same(node.shape, node.inputs.x.shape) ? node.inputs.x : undefined),
    ({ node, graph }) => {
      const known = seen.get(graph) ?? new Map<string, Tensor>();
      seen.set(graph, known);
      const key = keyOf(node);
      if (!known.has(key)) known.set(key, graph.add(node));
      return known.get(key);
    },
  );
};

const same = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((n, i) => n === b[i]);

const keyOf = ({ op, inputs, attrs, epilogue }: TensorSpec): string =>
  JSON.stringify([
    op.name,
    Object.entries(inputs).map(([name, t]) => [name, t.id]),
    { ...attrs, label: undefined },
    epilogue && [epilogue.expr, epilogue.operands.map((t) => t.id)],
  ]);
