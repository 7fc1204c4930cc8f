const f32 = Math.fround;
/** a·b + c in float32 with one rounding, as the fused instruction gives (the product of two floats is exact here). */
const fma = (a: number, b: number, c: number) => f32(a * b + c);

/** Horner's rule with fused steps; coefficients from the highest power down. */
const polynomial = (coefficients: number[], x: number) => coefficients.reduce((sum, c) => fma(sum, x, c));

const logCoefficients = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(f32);
const [ln2High, ln2Low] = [0.693359375, f32(-2.1219444e-4)];
const sinCoefficients = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(f32);
const cosCoefficients = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(f32);
/** −π/4 in three parts, the first two short enough for exact products with the octant number. */
const minusQuarterPi = [-0.78515625, -2.4187564849853515625e-4, -3.774894977445941e-8].map(f32);

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/**
 * Natural logarithm of a positive, normal float32 by the polynomial of Cephes' `logf` (Moshier), with the fused
 * multiply-adds of torch's AVX2 build. Within an ulp of the true value; not the same bits as `Math.log`.
 */
export function logf(value: number): number {
  float[0] = value;
  let exponent = (bits[0] >>> 23) - 126;
  bits[0] = (bits[0] & 0x007fffff) | 0x3f000000;
  let x = float[0]; // in [1/2, 1)
  if (x < f32(Math.SQRT1_2)) {
    exponent -= 1;
    x += x;
  }
  x -= 1; // exact
  const square = f32(x * x);
  let y = f32(polynomial(logCoefficients, x) * x);
  y = fma(y, square, f32(exponent * ln2Low));
  y = fma(-0.5, square, y);
  return fma(exponent, ln2High, f32(x + y));
}

/** [sin, cos] of a float32 in [0, 2π] by the polynomials of Cephes' `sinf` and `cosf`, fused like `logf`. */
export function sincosf(value: number): [number, number] {
  const octant = (Math.trunc(f32(value * f32(4 / Math.PI))) + 1) & ~1;
  const x = minusQuarterPi.reduce((rest, part) => fma(octant, part, rest), value);
  const square = f32(x * x);
  const cosine = f32(fma(f32(polynomial(cosCoefficients, square) * square), square, -0.5 * square) + 1);
  const sine = fma(f32(polynomial(sinCoefficients, square) * square), x, x);
  switch (octant & 7) {
    case 0:
      return [sine, cosine];
    case 2:
      return [cosine, -sine];
    case 4:
      return [-sine, -cosine];
    default:
      return [-cosine, sine];
  }
}
