import * as E from "../graph/expr.ts";
import { match, print, type Expr } from "../graph/expr.ts";
import type { Fn, V128 } from "./asm.ts";
import { f32x4, i32x4, multiplyAdd, multiplySubtract } from "./simd.ts";

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

/**
 * y / (1 + e^z) in four lanes, for y = 1 within 2e-7: the logistic function of −z; y is 1 if not given. With
 * z log₂e = n + r, |r| ≤ ½, e^z is 2^n (a + r b) / (a − r b), where a = r² + c: the Padé quotient of order 2 with b and c
 * moved to the least maximum error, 4.4e-7 of e^z. One division serves both, and y goes into its numerator while the
 * denominator is not yet known. All is computed of an eighth of n + r, so that no y is too large for its product with
 * a − r b. z = factor · x, so that a sign or a scale costs nothing.
 */
function logistic(f: Fn, x: V128, factor: number, y?: V128): V128 {
  const scaled = f32x4.mul(x, f32x4.const((factor * Math.LOG2E) / 8));
  // Beyond these the quotient is y, or less than 1e-36 of it.
  const t = f.let(f32x4.max(f32x4.min(scaled, f32x4.const(122 / 8)), f32x4.const(-122 / 8)));
  // Adding 1.5 · 2^20 rounds to a whole eighth: n stands in the low bits.
  const shifted = f.let(f32x4.add(t, f32x4.const(1572864)));
  const r = f.let(f32x4.sub(t, f32x4.sub(shifted, f32x4.const(1572864))));
  const a = f.let(multiplyAdd(f, r, r, f32x4.const(25.03910668 / 64)));
  const b = f32x4.const(8.67783884 / 8);
  const below = f.let(multiplySubtract(f, r, b, a));
  const numerator = y ? f.let(f32x4.mul(y, below)) : below;
  // 2^n multiplies by being added to the exponent.
  const above = i32x4.add(multiplyAdd(f, r, b, a), i32x4.shl(shifted, 23));
  return f.let(f32x4.div(numerator, f32x4.add(below, above)));
}

/**
 * GELU in four lanes, within 6e-7: max(x, 0) − |x| Φ(−|x|), with Φ(−a) = 1 / P(a)⁸ after Hastings (Abramowitz & Stegun
 * 1964, 7.1.28), P fitted to the least maximum error of a Φ(−a). It takes two thirds of the instructions of `erf`. At the
 * limit of |x| the second term is 0.
 */
function gelu(f: Fn, x: V128): V128 {
  const a = f.let(f32x4.min(f32x4.abs(x), f32x4.const(100)));
  let power = polynomial(f, a, geluTerms);
  for (let k = 0; k < 3; k++) power = f.let(f32x4.mul(power, power));
  return f.let(f32x4.sub(f32x4.max(x, f32x4.const(0)), f32x4.div(a, power)));
}
const geluTerms = [
  1.09050395, 0.10881691, 0.0485572225, 0.0100185093, 2.84888657e-4, 6.53644559e-4, -9.59281243e-5, 2.17867642e-5,
];

const any = E.value(0);
const logisticForm = E.div(1, E.add(1, E.exp(any)));
const onePlusExp = E.add(1, E.exp(any));
const geluForm = E.mul(E.mul(0.5, any), E.add(1, E.erf(E.mul(any, Math.SQRT1_2))));

/** `factor · of`, where an expression has that form. */
function product(expr: Expr): { factor: number; of: Expr } {
  if ("args" in expr && expr.args[0].fn === "const") {
    const [{ value }, of] = expr.args;
    if (expr.fn === "mul") return { factor: value, of };
    if (expr.fn === "sub" && value === 0) return { factor: -1, of };
  }
  return { factor: 1, of: expr };
}

/** An expression on four lanes. Each repeated subexpression is computed once; activations have code of their own. */
export function printExpr(f: Fn, expr: Expr, operands: readonly V128[]): V128 {
  const known = new Map<string, V128>();
  const visit = (e: Expr): V128 => {
    if (e.fn === "const") return f32x4.const(e.value);
    if (e.fn === "in") return operands[e.index];
    const key = print(e);
    if (!known.has(key)) known.set(key, f.let(activation(e) ?? compute(e.fn, e.args.map(visit))));
    return known.get(key)!;
  };
  const activation = (e: Exclude<Expr, { fn: "in" | "const" }>): V128 | undefined => {
    const x = match(geluForm, e);
    if (x) return gelu(f, visit(x));
    // A product with a logistic function is a quotient as well.
    const [above, below] = e.args;
    const power = e.fn === "mul" ? match(logisticForm, below) : e.fn === "div" && match(onePlusExp, below);
    if (!power) return undefined;
    const { factor, of } = product(power);
    const isOne = above.fn === "const" && above.value === 1;
    return logistic(f, visit(of), factor, isOne ? undefined : visit(above));
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
