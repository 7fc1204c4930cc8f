import { print, type Expr } from "../graph/expr.ts";
import type { Fn, V128 } from "./asm.ts";
import { f32x4, i32x4, multiplyAdd } from "./simd.ts";

/** Σ coefficients[k] xᵏ as a tree (Estrin), so that its steps overlap. */
function polynomial(f: Fn, x: V128, coefficients: readonly number[]): V128 {
  let terms: V128[] = coefficients.map(f32x4.const);
  for (let power = x; ; power = f.let(f32x4.mul(power, power))) {
    const pairs = terms.flatMap((low, k) => (k % 2 ? [] : [[low, terms[k + 1]]]));
    terms = pairs.map(([low, high]) => (high ? f.let(multiplyAdd(f, high, power, low)) : low));
    if (terms.length === 1) return terms[0];
  }
}

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
  const tail = polynomial(
    f,
    r,
    expTail.map((c) => 2 * c),
  );
  const twice = f32x4.add(f32x4.mul(f32x4.mul(r, r), tail), f32x4.add(f32x4.add(r, r), f32x4.const(2)));
  const power = i32x4.add(i32x4.shl(shifted, 23), i32x4.const(126 << 23));
  return f.let(f32x4.mul(twice, power));
}
/** (e^r − 1 − r) / r² on |r| ≤ ln 2 / 2, least maximum error; lowest power first. */
const expTail = [0.49999994, 0.166665211, 0.041668389, 0.00836871006, 0.00138146151];

/** 2^x in four lanes for x ≤ 0, to 2 ulp; at least 2^−100, so that its products with numbers of usual size stay normal. */
export function exp2(f: Fn, x: V128): V128 {
  const clamped = f.let(f32x4.max(x, f32x4.const(-100)));
  const shifted = f.let(f32x4.add(clamped, f32x4.const(12582912)));
  const r = f.let(f32x4.sub(clamped, f32x4.sub(shifted, f32x4.const(12582912))));
  // The low bits of `shifted` are the whole number: added to the exponent, it multiplies.
  return f.let(i32x4.add(polynomial(f, r, exp2Terms), i32x4.shl(shifted, 23)));
}
/** 2^r on |r| ≤ 1/2, least maximum relative error. */
const exp2Terms = [1, 0.693147004, 0.240222424, 0.0555073359, 0.00967151299, 0.00132647305];

/** erf in four lanes, within 4e-7: t P(t²) / Q(t²) with t held to ± 3.84, where the quotient is ± 1. P and Q are our fit. */
export function erf(f: Fn, x: V128): V128 {
  const t = f.let(f32x4.max(f32x4.min(x, f32x4.const(3.84)), f32x4.const(-3.84)));
  const square = f.let(f32x4.mul(t, t));
  const [above, below] = [erfAbove, erfBelow].map((c) => polynomial(f, square, c));
  return f.let(f32x4.div(f32x4.mul(t, above), below));
}
const erfAbove = [1.12837911, 0.188116178, 0.0525473393, 0.00369361322, 2.87999457e-4, 2.13213229e-6];
const erfBelow = [1, 0.500045896, 0.113254897, 0.0148229273, 0.00115374511, 3.90978566e-5];

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
