/** The scalar language of pointwise work: twelve primitives over the values of one output position. */
export type Expr =
  | { readonly fn: "in"; readonly index: number }
  | { readonly fn: "const"; readonly value: number }
  | { readonly fn: Primitive; readonly args: readonly Expr[] };

export type Primitive = "add" | "sub" | "mul" | "div" | "min" | "max" | "exp" | "sqrt" | "abs" | "erf";

type Term = Expr | number;
const lift = (t: Term): Expr => (typeof t === "number" ? { fn: "const", value: t } : t);
const primitive =
  (fn: Primitive) =>
  (...args: Term[]): Expr => ({ fn, args: args.map(lift) });

/** The value of operand `index` at this position. */
export const value = (index: number): Expr => ({ fn: "in", index });
export const add = primitive("add");
export const sub = primitive("sub");
export const mul = primitive("mul");
export const div = primitive("div");
export const min = primitive("min");
export const max = primitive("max");
export const exp = primitive("exp");
export const sqrt = primitive("sqrt");
export const abs = primitive("abs");
/** The Gauss error function. */
export const erf = primitive("erf");

/** `expr` with operand k replaced by `operands[k]`. */
export function substitute(expr: Expr, operands: readonly Expr[]): Expr {
  if (expr.fn === "in") return operands[expr.index];
  if (expr.fn === "const") return expr;
  return { fn: expr.fn, args: expr.args.map((a) => substitute(a, operands)) };
}

/** What stands for operand 0 of `form` in `expr`, if the two have the same form. */
export function match(form: Expr, expr: Expr): Expr | undefined {
  let found: Expr | undefined;
  const walk = (f: Expr, x: Expr): boolean => {
    if (f.fn === "in") {
      if (found && print(found) !== print(x)) return false;
      found = x;
      return true;
    }
    if (f.fn === "const") return x.fn === "const" && x.value === f.value;
    return x.fn === f.fn && "args" in x && f.args.every((a, i) => walk(a, x.args[i]));
  };
  return walk(form, expr) ? found : undefined;
}

/** Nodes in the expression: a measure of the arithmetic per element. */
export function size(expr: Expr): number {
  return "args" in expr ? 1 + expr.args.reduce((sum, a) => sum + size(a), 0) : 1;
}

/** A one-line form for plans, cache keys and snapshots: `mul(x0, div(1, add(1, exp(x1))))`. */
export function print(expr: Expr): string {
  if (expr.fn === "in") return `x${expr.index}`;
  if (expr.fn === "const") return String(expr.value);
  return `${expr.fn}(${expr.args.map(print).join(", ")})`;
}

/** The value of an expression in float64: the definition that every printer is tested against. */
export function evaluate(expr: Expr, operands: ArrayLike<number>): number {
  if (expr.fn === "in") return operands[expr.index];
  if (expr.fn === "const") return expr.value;
  const a = evaluate(expr.args[0], operands);
  switch (expr.fn) {
    case "exp":
      return Math.exp(a);
    case "sqrt":
      return Math.sqrt(a);
    case "abs":
      return Math.abs(a);
    case "erf":
      return erf64(a);
  }
  const b = evaluate(expr.args[1], operands);
  switch (expr.fn) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "div":
      return a / b;
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
  }
}

/** erf to float64 accuracy: the Maclaurin series below 3, the continued fraction of erfc above (DLMF 7.6.1, 7.9.1). */
function erf64(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 3) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = z;
  for (let k = 60; k > 0; k--) fraction = z + k / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction));
}
