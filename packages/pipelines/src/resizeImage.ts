import type { Image } from "./image.ts";

/**
 * The picture at another size: cut to the new shape around its middle, then resampled with a triangle filter that widens
 * when it shrinks (what Pillow calls BILINEAR), so nothing is stretched and nothing aliases.
 */
export function resizeImage(image: Image, width: number, height: number): Image {
  const scale = Math.min(image.width / width, image.height / height);
  const columns = taps(image.width, width, scale);
  const rows = taps(image.height, height, scale);
  const middle = new Float32Array(4 * width * image.height);
  for (let y = 0; y < image.height; y++) {
    for (const [x, column] of columns.entries()) {
      for (const [from, weight] of column) {
        for (let c = 0; c < 4; c++)
          middle[4 * (y * width + x) + c] += weight * image.data[4 * (y * image.width + from) + c];
      }
    }
  }
  const data = new Uint8ClampedArray(4 * width * height);
  for (const [y, row] of rows.entries()) {
    for (let i = 0; i < 4 * width; i++) {
      data[4 * y * width + i] = row.reduce((sum, [from, weight]) => sum + weight * middle[4 * from * width + i], 0);
    }
  }
  return { width, height, data };
}

/** For each of `count` outputs, the inputs it reads and their weights, which sum to 1. */
function taps(size: number, count: number, scale: number): [from: number, weight: number][][] {
  const begin = (size - count * scale) / 2;
  const reach = Math.max(1, scale);
  return Array.from({ length: count }, (_, i) => {
    const centre = begin + (i + 0.5) * scale;
    const found: [number, number][] = [];
    for (let from = Math.max(0, Math.floor(centre - reach)); from < Math.min(size, centre + reach); from++) {
      const weight = 1 - Math.abs(from + 0.5 - centre) / reach;
      if (weight > 0) found.push([from, weight]);
    }
    const sum = found.reduce((total, [, weight]) => total + weight, 0);
    return found.map(([from, weight]) => [from, weight / sum]);
  });
}
