/** How two pictures are compared. */
export interface PsnrOptions {
  /** Largest minus smallest value a number can have: 255 for bytes, 2 for −1 … 1, 1 for 0 … 1. */
  readonly range: number;
  /** [h w], not zero where planes [c h w] are compared; everywhere, if there is none. */
  readonly mask?: ArrayLike<number>;
}

/** Mean squared difference of two pictures of the same size; the mask, if given, is one plane's. */
export function meanSquaredError(a: ArrayLike<number>, b: ArrayLike<number>, mask?: ArrayLike<number>): number {
  if (a.length !== b.length || a.length === 0)
    throw new RangeError(`Pictures to compare must be of one size, got ${a.length} and ${b.length} numbers.`);
  if (mask && a.length % mask.length)
    throw new RangeError(`A mask of ${mask.length} pixels does not fit planes of ${a.length} numbers in all.`);
  let [sum, count] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (mask && !mask[i % mask.length]) continue;
    sum += (a[i] - b[i]) ** 2;
    count++;
  }
  if (!count) throw new RangeError("The mask is empty: there is nothing to compare.");
  return sum / count;
}

/**
 * Peak signal-to-noise ratio, 10 log₁₀(range² / mean squared error), in dB; infinite for equal pictures. Of a set of
 * pictures one reports the mean of this, not that of their mean error.
 */
export const psnr = (a: ArrayLike<number>, b: ArrayLike<number>, { range, mask }: PsnrOptions): number =>
  10 * Math.log10(range ** 2 / meanSquaredError(a, b, mask));
