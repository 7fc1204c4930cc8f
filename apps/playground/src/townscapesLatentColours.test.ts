import { latentPreview } from "@tessera/pipelines";
import { fixture } from "@tessera/testing";
import { expect, test } from "vitest";
import { townscapesLatentColours } from "./townscapesLatentColours.ts";

test("the preview of finished latents resembles the picture that they decode to", async () => {
  const reference = fixture("townscapes/expected.safetensors");
  const [n, , height, width] = reference.shape("latents");
  const latents = await reference.numbers("latents");
  const pixels = await reference.numbers("image_u8"); // [n 4h 4w 3]
  let squares = 0;
  for (let row = 0; row < n; row++) {
    const own = latents.subarray((row * latents.length) / n, ((row + 1) * latents.length) / n);
    const { data: preview } = latentPreview(own, { width, height }, townscapesLatentColours);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < 3; c++) {
          let sum = 0;
          for (let j = 0; j < 4; j++)
            for (let i = 0; i < 4; i++) sum += pixels[((row * 4 * height + 4 * y + j) * 4 * width + 4 * x + i) * 3 + c];
          squares += (preview[4 * (y * width + x) + c] - sum / 16) ** 2;
        }
  }
  const rms = Math.sqrt(squares / (n * height * width * 3)) / 127.5;
  expect(rms).toBeLessThan(0.23); // the pictures themselves have a standard deviation of 0.5 about their mean
});
