import * as E from "../../graph/expr.ts";
import type { Expr } from "../../graph/expr.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { applyPointwise } from "./op.ts";

export { pointwise } from "./op.ts";

const unary = (label: string, f: (x: Expr) => Expr) => (x: Tensor) => applyPointwise(label, [x], f(E.value(0)));
const binary = (label: string, f: (a: Expr, b: Expr) => Expr) => (a: Tensor, b: Tensor) =>
  applyPointwise(label, [a, b], f(E.value(0), E.value(1)));
const sigmoidOf = (x: Expr) => E.div(1, E.add(1, E.exp(E.sub(0, x))));
const tanhOf = (x: Expr) => E.sub(1, E.div(2, E.add(1, E.exp(E.mul(2, x)))));

// One line makes a pointwise op: reference, WGSL, wasm and fusion follow from the expression.
export const add = binary("add", E.add);
export const sub = binary("sub", E.sub);
export const mul = binary("mul", E.mul);
export const sigmoid = unary("sigmoid", sigmoidOf);
export const tanh = unary("tanh", tanhOf);
/** 1 / √x. */
export const rsqrt = unary("rsqrt", (x) => E.div(1, E.sqrt(x)));
export const relu = unary("relu", (x) => E.max(x, 0));
/** x · σ(x), also called swish. */
export const silu = unary("silu", (x) => E.mul(x, sigmoidOf(x)));
/** The exact GELU, x · Φ(x) (Hendrycks & Gimpel 2016). */
export const gelu = unary("gelu", (x) => E.mul(E.mul(0.5, x), E.add(1, E.erf(E.mul(x, Math.SQRT1_2)))));
/** GELU's tanh approximation (Hendrycks & Gimpel 2016, §2). */
export const geluTanh = unary("geluTanh", (x) =>
  E.mul(
    E.mul(0.5, x),
    E.add(1, tanhOf(E.mul(Math.sqrt(2 / Math.PI), E.add(x, E.mul(0.044715, E.mul(x, E.mul(x, x))))))),
  ),
);
/** x · σ(1.702 x), the activation of CLIP. */
export const quickGelu = unary("quickGelu", (x) => E.mul(x, sigmoidOf(E.mul(1.702, x))));
/** max(x, slope · x). */
export const leakyRelu = (x: Tensor, slope: number) =>
  applyPointwise(`leakyRelu`, [x], E.max(E.value(0), E.mul(slope, E.value(0))));
/** factor · x + offset. */
export const scale = (x: Tensor, factor: number, offset = 0) =>
  applyPointwise("scale", [x], offset ? E.add(E.mul(factor, E.value(0)), offset) : E.mul(factor, E.value(0)));
/** x limited to [low, high]. */
export const clamp = (x: Tensor, low: number, high: number) =>
  applyPointwise("clamp", [x], E.min(E.max(E.value(0), low), high));
/** a + w · (b − a). */
export const lerp = (a: Tensor, b: Tensor, w: Tensor) =>
  applyPointwise("lerp", [a, b, w], E.add(E.value(0), E.mul(E.value(2), E.sub(E.value(1), E.value(0)))));
