import { fixture, uniform } from "@tessera/testing";
import { expect, test } from "vitest";
import type { Image } from "./image.ts";
import { fitLatentColours, latentPreview, sd15LatentColours } from "./latentPreview.ts";

test("colours that made a picture are found again", () => {
  const latents = uniform(4 * 64 * 64).map((z) => 2 * z);
  const image = latentPreview(latents, { width: 64, height: 64 }, sd15LatentColours);
  const fitted = fitLatentColours([{ latents, image }], 4);
  for (const [c, row] of fitted.entries())
    for (const [k, value] of row.entries()) expect(value).toBeCloseTo(sd15LatentColours[c][k], 2);
});

test("fitted to one half of the trained model's pictures, they show what is in the other half", async () => {
  const reference = fixture("townscapes/expected.safetensors");
  const [n, , h, w] = reference.shape("latents");
  const latents = await reference.numbers("latents");
  const pixels = await reference.numbers("image_u8"); // [n 4h 4w 3]
  const samples = Array.from({ length: n }, (_, i) => {
    const data = new Uint8ClampedArray(4 * 16 * h * w).fill(255);
    for (let k = 0; k < 16 * h * w; k++) data.set(pixels.subarray(3 * (16 * i * h * w + k), 3 * (16 * i * h * w + k) + 3), 4 * k); // prettier-ignore
    const image: Image = { width: 4 * w, height: 4 * h, data };
    return { latents: latents.subarray((i * latents.length) / n, ((i + 1) * latents.length) / n), image };
  });
  const colours = fitLatentColours(samples.slice(0, n / 2), 4);
  let [missed, spread] = [0, 0];
  for (const { latents, image } of samples.slice(n / 2)) {
    const preview = latentPreview(latents, { width: w, height: h }, colours);
    for (let i = 0; i < 4 * h * w; i++) {
      if (i % 4 === 3) continue;
      const [row, column] = [4 * Math.floor((i >> 2) / w), 4 * ((i >> 2) % w)];
      let mean = 0;
      for (let k = 0; k < 16; k++)
        mean += image.data[4 * ((row + (k >> 2)) * image.width + column + (k % 4)) + (i % 4)] / 16;
      missed += (preview.data[i] - mean) ** 2;
      spread += (127.5 - mean) ** 2;
    }
  }
  expect(Math.sqrt(missed / spread)).toBeLessThan(0.6);
});

test("another model's latents are refused, and too few samples", () => {
  expect(() => latentPreview(new Float32Array(8 * 4), { width: 2, height: 2 })).toThrow(
    "32 numbers are not 4 channels of 2×2",
  );
  expect(() => fitLatentColours([], 4)).toThrow("Give more");
});
