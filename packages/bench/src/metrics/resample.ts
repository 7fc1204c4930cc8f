interface Size {
  readonly width: number;
  readonly height: number;
}

/** Keys' cubic kernel with a = −½ (Keys 1981, eq. 15). */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x >= 2) return 0;
  return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2;
}

/**
 * Planes [c h w] at another size, by a cubic filter that widens when it shrinks: Pillow's BICUBIC without its rounding to
 * bytes, which is how CLIP's and clean-fid's (Parmar et al. 2022) pictures are resized.
 */
export function resample(planes: Float32Array, from: Size, to: Size): Float32Array {
  const count = planes.length / (from.width * from.height);
  if (!Number.isInteger(count))
    throw new RangeError(`resample: ${planes.length} numbers are no planes of ${from.width}×${from.height}.`);
  const [columns, rows] = [taps(from.width, to.width), taps(from.height, to.height)];
  const wide = new Float64Array(count * from.height * to.width);
  for (let line = 0; line < count * from.height; line++)
    for (const [x, column] of columns.entries())
      for (const [at, weight] of column) wide[line * to.width + x] += weight * planes[line * from.width + at];
  const result = new Float32Array(count * to.height * to.width);
  for (let c = 0; c < count; c++)
    for (const [y, row] of rows.entries())
      for (let x = 0; x < to.width; x++) {
        const sum = row.reduce((s, [at, weight]) => s + weight * wide[(c * from.height + at) * to.width + x], 0);
        result[(c * to.height + y) * to.width + x] = sum;
      }
  return result;
}

/** For each of `count` outputs, the inputs it reads and their weights, which sum to 1. */
function taps(size: number, count: number): [from: number, weight: number][][] {
  const scale = size / count;
  const width = Math.max(1, scale);
  return Array.from({ length: count }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - 2 * width + 0.5));
    const end = Math.min(size, Math.floor(centre + 2 * width + 0.5));
    const found = Array.from({ length: end - first }, (_, k): [number, number] => [
      first + k,
      cubic((first + k + 0.5 - centre) / width),
    ]);
    const sum = found.reduce((total, [, weight]) => total + weight, 0);
    return found.map(([at, weight]) => [at, weight / sum]);
  });
}
