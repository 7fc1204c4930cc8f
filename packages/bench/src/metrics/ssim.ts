/** What `ssim` must know of the planes it compares. */
export interface SsimOptions {
  readonly width: number;
  readonly height: number;
  /** Largest minus smallest value a number can have: 255 for bytes, 2 for −1 … 1. */
  readonly range: number;
}

const size = 11;
const [k1, k2] = [0.01, 0.03];

/** 11 samples of a Gaussian of deviation 1.5, summing to 1; the 11×11 window is their outer product. */
const gaussian = (() => {
  const taps = Float64Array.from({ length: size }, (_, i) => Math.exp(-((i - (size - 1) / 2) ** 2) / (2 * 1.5 ** 2)));
  const sum = taps.reduce((a, b) => a + b);
  return taps.map((t) => t / sum);
})();

/**
 * Structural similarity of planes [c h w] (Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13 to 16, with their window: 11×11,
 * Gaussian of deviation 1.5, K₁ = 0.01, K₂ = 0.03; whole windows only, population variances, no downsampling first).
 * Averaged over positions and planes; 1 for equal pictures.
 */
export function ssim(a: ArrayLike<number>, b: ArrayLike<number>, { width, height, range }: SsimOptions): number {
  const plane = width * height;
  if (a.length !== b.length || a.length === 0 || a.length % plane)
    throw new RangeError(
      `ssim: planes of ${width}×${height} have a multiple of ${plane} numbers, got ${a.length} and ${b.length}.`,
    );
  if (Math.min(width, height) < size)
    throw new RangeError(`ssim: the ${size}×${size} window does not fit a picture of ${width}×${height}.`);
  const [c1, c2] = [(k1 * range) ** 2, (k2 * range) ** 2];
  let sum = 0;
  let count = 0;
  for (let first = 0; first < a.length; first += plane) {
    const local = (value: (i: number) => number) => smooth((i) => value(first + i), width, height);
    const [meanA, meanB] = [local((i) => a[i]), local((i) => b[i])];
    const [squareA, squareB] = [local((i) => a[i] ** 2), local((i) => b[i] ** 2)];
    const product = local((i) => a[i] * b[i]);
    for (const [i, ma] of meanA.entries()) {
      const mb = meanB[i];
      const variances = squareA[i] - ma * ma + squareB[i] - mb * mb;
      const covariance = product[i] - ma * mb;
      sum += ((2 * ma * mb + c1) * (2 * covariance + c2)) / ((ma * ma + mb * mb + c1) * (variances + c2));
    }
    count += meanA.length;
  }
  return sum / count;
}

/** Weighted means under every whole window of a plane, row by row. */
function smooth(value: (i: number) => number, width: number, height: number): Float64Array {
  const [columns, rows] = [width - size + 1, height - size + 1];
  const along = new Float64Array(columns * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < columns; x++)
      for (let t = 0; t < size; t++) along[y * columns + x] += gaussian[t] * value(y * width + x + t);
  const means = new Float64Array(columns * rows);
  for (let i = 0; i < means.length; i++)
    for (let t = 0; t < size; t++) means[i] += gaussian[t] * along[i + t * columns];
  return means;
}
