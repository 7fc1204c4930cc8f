import { print, type Expr } from "../graph/expr.ts";
import type { Fn, V128 } from "./asm.ts";
import { f32x4, i32x4, v128 } from "./simd.ts";

const horner = (x: V128, [last, ...lower]: readonly number[]): V128 =>
  lower.reduce<V128>((sum, c) => f32x4.add(f32x4.mul(sum, x), f32x4.const(c)), f32x4.const(last));

/**
 * e^x in four lanes, to 2 ulp. x = n ln 2 + r with |r| ≤ ln 2 / 2 (Cody & Waite 1980, ch. 6), a polynomial in r, and 2^n
 * put together from bits. Below −87 it is 0, above 88.7 infinity; NaN stays NaN.
 */
export function exp(f: Fn, x: V128): V128 {
  const clamped = f.let(f32x4.max(f32x4.min(x, f32x4.const(89)), f32x4.const(-87.33654)));
  // Adding 1.5 · 2^23 rounds to a whole number, which then stands in the low bits.
  const shifted = f.let(f32x4.add(f32x4.mul(clamped, f32x4.const(Math.LOG2E)), f32x4.const(12582912)));
  const n = f.let(f32x4.sub(shifted, f32x4.const(12582912)));
  const high = f32x4.sub(clamped, f32x4.mul(n, f32x4.const(0.693359375)));
  const r = f.let(f32x4.sub(high, f32x4.mul(n, f32x4.const(Math.LN2 - 0.693359375))));
  // Twice the polynomial and half the power: 2^128 would not be finite, and n = −126 must give 0.
  const tail = horner(
    r,
    expTail.map((c) => 2 * c),
  );
  const twice = f32x4.add(f32x4.mul(f32x4.mul(r, r), tail), f32x4.add(f32x4.add(r, r), f32x4.const(2)));
  const power = i32x4.add(i32x4.shl(shifted, 23), i32x4.const(126 << 23));
  return f.let(f32x4.mul(twice, power));
}
/** (e^r − 1 − r) / r² on |r| ≤ ln 2 / 2, least maximum error; highest power first. */
const expTail = [0.000197903413, 0.00139446591, 0.00833349675, 0.0416662954, 0.166666657, 0.5];

/**
 * erf in four lanes, within 1.5e-7: ± (1 − e^(−t Q(t))), t = min(|x|, 4). Q is our fit of −log(erfc(t)) / t, weighted so
 * that the error of erf itself is even.
 */
export function erf(f: Fn, x: V128): V128 {
  const t = f.let(f32x4.min(f32x4.abs(x), f32x4.const(4)));
  const tail = exp(f, f32x4.sub(f32x4.const(0), f32x4.mul(t, horner(t, erfTail))));
  return v128.or(f32x4.sub(f32x4.const(1), tail), v128.and(x, i32x4.const(0x80000000)));
}
const erfTail = [
  3.14401732e-5, -3.08802264e-4, 1.03240181e-3, 5.3693325e-4, -1.9583961e-2, 1.02919616e-1, 6.36597753e-1, 1.1283803,
];

/** An expression on four lanes. Each repeated subexpression is computed once. */
export function printExpr(f: Fn, expr: Expr, operands: readonly V128[]): V128 {
  const known = new Map<string, V128>();
  const visit = (e: Expr): V128 => {
    if (e.fn === "const") return f32x4.const(e.value);
    if (e.fn === "in") return operands[e.index];
    const key = print(e);
    if (!known.has(key)) known.set(key, f.let(compute(e.fn, e.args.map(visit))));
    return known.get(key)!;
  };
  const compute = (fn: Exclude<Expr["fn"], "in" | "const">, [a, b]: V128[]): V128 => {
    if (fn === "exp") return exp(f, a);
    if (fn === "erf") return erf(f, a);
    if (fn === "abs" || fn === "sqrt") return f32x4[fn](a);
    // pmin and pmax keep their first operand when they meet NaN: a constant belongs second.
    return (fn === "min" || fn === "max") && a.text.includes(".const") ? f32x4[fn](b, a) : f32x4[fn](a, b);
  };
  return visit(expr);
}
