import type { Graph } from "./graph.ts";
import { print as printExpr } from "./expr.ts";
import type { Attr, Tensor } from "./tensor.ts";

const isExpr = (a: Attr) => typeof a === "object" && !Array.isArray(a);

/** The op's name as people say it: a pointwise node goes by the ops it was made from (`silu`, `mul+add`). */
export function label(t: Tensor): string {
  const own = typeof t.attrs.label === "string" ? t.attrs.label : t.op.name;
  return [own, ...(t.epilogue?.labels ?? [])].join("+");
}

/** One line for one node: `%7 = conv2d(%3, weight, stride=2) [1 320 32 32]  # down_blocks.0.downsamplers.0.conv`. */
export function printNode(t: Tensor): string {
  const name = (x: Tensor) => (x.op.name === "param" ? x.path.slice(x.path.lastIndexOf(".") + 1) : ref(x));
  const args = [
    ...Object.values(t.inputs).map(name),
    ...Object.entries(t.attrs)
      .filter(([key, a]) => a !== undefined && key !== "label" && !isExpr(a))
      .map(([key, a]) => `${key}=${Array.isArray(a) ? `[${a.join(" ")}]` : a}`),
  ];
  const epilogue = t.epilogue
    ? ` → ${printExpr(t.epilogue.expr)} of (${["·", ...t.epilogue.operands.map(name)].join(", ")})`
    : "";
  return `${ref(t)} = ${label(t)}(${args.join(", ")})${epilogue} [${t.shape.join(" ")}]  # ${t.path}`;
}

const ref = (t: Tensor) => (t.op.name === "input" ? t.path : `%${t.id}`);

/** The whole graph, one line per node; parameters are not listed. */
export function printGraph(graph: Graph): string {
  return [
    ...[...graph.inputs].map(([name, t]) => `input ${name} ${t.dtype} [${t.shape.join(" ")}]`),
    ...graph.nodes.filter((t) => t.op.name !== "input" && t.op.name !== "param").map(printNode),
    ...[...graph.outputs].map(([name, t]) => `output ${name} = ${ref(t)}`),
  ].join("\n");
}
