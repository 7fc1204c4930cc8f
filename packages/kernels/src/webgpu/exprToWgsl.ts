import type { Expr } from "../graph/expr.ts";
import { literal } from "./wgsl.ts";

const infix: Readonly<Record<string, string>> = { add: "+", sub: "-", mul: "*", div: "/" };

/** Statements that end in `return`: the expression over `operands`, each subexpression computed once. */
export function exprToWgsl(expr: Expr, operands: readonly string[], type: "f32" | "vec4f"): string {
  const names = new Map<string, string>();
  const lines: string[] = [];
  const name = (code: string): string => {
    if (!names.has(code)) {
      names.set(code, `t${names.size}`);
      lines.push(`let ${names.get(code)} = ${code};`);
    }
    return names.get(code)!;
  };
  const print = (e: Expr): string => {
    if (e.fn === "in") return name(operands[e.index]);
    if (e.fn === "const") return `${type}(${literal(e.value)})`;
    const args = e.args.map(print);
    if (e.fn in infix) return name(args.join(` ${infix[e.fn]} `));
    // 1 / (1 + exp(±87)) is still a normal number, so sigmoids neither overflow nor divide by an infinity.
    if (e.fn === "exp") return name(`exp(clamp(${args[0]}, ${type}(-87), ${type}(87)))`);
    return name(`${e.fn === "erf" ? (type === "f32" ? "erf" : "erf4") : e.fn}(${args.join(", ")})`);
  };
  const result = print(expr);
  return [...lines, `return ${result};`].join("\n");
}

/** The Gauss error function to 1.5e-7 (Abramowitz & Stegun 7.1.26), for numbers and for vectors. */
export const erf = (["f32", "vec4f"] as const)
  .map(
    (type) => `fn erf${type === "f32" ? "" : "4"}(x: ${type}) -> ${type} {
  let z = min(abs(x), ${type}(9));
  let t = 1 / (1 + 0.3275911 * z);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1 - p * exp(-z * z));
}`,
  )
  .join("\n");
