/**
 * Red, green and blue in −1 … 1 as linear functions of the four latents and 1: the least-squares fit of the final latents
 * of fixtures/townscapes to their pictures, averaged over the 4×4 pixels of a latent. It misses the truth by 0.22 (rms),
 * enough to see what is coming and 200 times cheaper than the decoder.
 */
const colours = [
  [-0.065, -0.277, -0.819, -0.218, -0.096],
  [0.015, -0.222, -0.671, -0.095, 0.041],
  [0.205, -0.403, -0.628, 0.426, 0.379],
] as const;

/** Latents [1 4 h w] of townscapes-sd → RGBA pixels [h w 4]: a rough picture, one pixel per latent. */
export function previewOf(latents: Float32Array): Uint8ClampedArray<ArrayBuffer> {
  const plane = latents.length / 4;
  const data = new Uint8ClampedArray(4 * plane).fill(255);
  colours.forEach(([a, b, c, d, one], channel) => {
    for (let i = 0; i < plane; i++) {
      const value =
        a * latents[i] + b * latents[plane + i] + c * latents[2 * plane + i] + d * latents[3 * plane + i] + one;
      data[4 * i + channel] = (value / 2 + 0.5) * 255;
    }
  });
  return data;
}
