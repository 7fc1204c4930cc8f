import type { Image } from "./image.ts";

/** Red, green and blue in −1 … 1, each a linear function of a pixel's latents, in their order, and of 1, which comes last. */
export type LatentColours = readonly [readonly number[], readonly number[], readonly number[]];

/** Of Stable Diffusion 1.x, as keturn fitted it (discuss.huggingface.co, "Decoding latents to RGB without upscaling", 2022). */
export const sd15LatentColours: LatentColours = [
  [0.298, 0.187, -0.158, -0.184, 0],
  [0.207, 0.286, 0.189, -0.271, 0],
  [0.208, 0.173, 0.264, -0.473, 0],
];

/** Latents [1 c h w], as the sampler has them → a rough picture, one pixel a latent, thousands of times cheaper than decoding. */
export function latentPreview(
  latents: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
  colours: LatentColours = sd15LatentColours,
): Image {
  const plane = width * height;
  const channels = colours[0].length - 1;
  if (latents.length !== channels * plane)
    throw new RangeError(
      `latentPreview: ${latents.length} numbers are not ${channels} channels of ${width}×${height}. Give the colours of this model.`,
    );
  const data = new Uint8ClampedArray(4 * plane).fill(255);
  for (const [c, row] of colours.entries())
    for (let i = 0; i < plane; i++) {
      let value = row[channels];
      for (let k = 0; k < channels; k++) value += row[k] * latents[k * plane + i];
      data[4 * i + c] = (value / 2 + 0.5) * 255;
    }
  return { width, height, data };
}

/**
 * The colours that fit pictures best, by least squares: for each, its latents [1 c h w] and what they decode to, whose
 * pixels are averaged over each latent's.
 */
export function fitLatentColours(
  samples: readonly { readonly latents: Float32Array; readonly image: Image }[],
  channels: number,
): LatentColours {
  const n = channels + 1;
  const gram = Array.from({ length: n }, () => new Float64Array(n + 3)); // normal equations, right-hand sides beside them
  for (const { latents, image } of samples) {
    const plane = latents.length / channels;
    const factor = Math.round(Math.sqrt((image.width * image.height) / plane));
    const width = image.width / factor;
    const means = new Float64Array(3 * plane);
    for (let i = 0; i < image.width * image.height; i++) {
      const at = Math.floor(i / image.width / factor) * width + Math.floor((i % image.width) / factor);
      for (let c = 0; c < 3; c++) means[c * plane + at] += (image.data[4 * i + c] / 127.5 - 1) / factor ** 2;
    }
    const input = (k: number, i: number) => (k < channels ? latents[k * plane + i] : 1);
    for (let i = 0; i < plane; i++)
      for (let k = 0; k < n; k++) {
        for (let l = 0; l < n; l++) gram[k][l] += input(k, i) * input(l, i);
        for (let c = 0; c < 3; c++) gram[k][n + c] += input(k, i) * means[c * plane + i];
      }
  }
  return solve(gram, n);
}

/** Gauss–Jordan on a positive definite matrix with three right-hand sides. */
function solve(rows: Float64Array[], n: number): LatentColours {
  for (let k = 0; k < n; k++) {
    const pivot = rows[k][k];
    if (!(pivot > 0)) throw new RangeError("fitLatentColours: the samples do not determine the colours. Give more.");
    rows[k] = rows[k].map((x) => x / pivot);
    for (let l = 0; l < n; l++) {
      if (l === k) continue;
      const factor = rows[l][k];
      rows[l] = rows[l].map((x, j) => x - factor * rows[k][j]);
    }
  }
  const column = (c: number) => rows.map((row) => row[n + c]);
  return [column(0), column(1), column(2)];
}
