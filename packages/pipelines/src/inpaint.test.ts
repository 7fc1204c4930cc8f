import type { Backend } from "@tessera/kernels";
import { nullBackend } from "@tessera/kernels/null";
import { memorySource, merged, renamed, toFloat32 } from "@tessera/safetensors";
import { samplers, torchGenerator } from "@tessera/sampling";
import { backends, expectClose, fixture, fixturePath, maxAbs, uniform } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Checkpoint } from "./checkpoint.ts";
import { imageFromTensor, imageToTensor, type Image } from "./image.ts";
import { imageToImage } from "./imageToImage.ts";
import { inpaint } from "./inpaint.ts";
import { openCheckpoint } from "./node/openCheckpoint.ts";
import { loadStableDiffusion, type StableDiffusion } from "./stableDiffusion.ts";
import { textToImage } from "./textToImage.ts";

const found = await backends();
const expected = fixture("tiny-sd/expected.safetensors");
const size = { width: 64, height: 64 };

/** A mask that is white from column `from` on. */
function maskFrom(from: number): Image {
  const data = new Uint8ClampedArray(4 * 64 * 64).map((_, i) => (i % 4 === 3 || (i >> 2) % 64 >= from ? 255 : 0));
  return { ...size, data };
}

/** The tiny checkpoint with a UNet for inpainting, whose weights for mask and kept latents are `extra` times random. */
function inpainting(checkpoint: Checkpoint, extra: number): Checkpoint {
  return {
    ...checkpoint,
    config: async (part) => ({ ...(await checkpoint.config(part)), ...(part === "unet" && { in_channels: 9 }) }),
    async weights(part) {
      const source = await checkpoint.weights(part);
      if (part !== "unet") return source;
      const four = toFloat32(await source.get("conv_in.weight")); // [16 4 3 3]
      const random = uniform(16 * 9 * 9).map((z) => extra * z);
      for (let o = 0; o < 16; o++) random.set(four.subarray(o * 36, (o + 1) * 36), o * 81);
      const nine = memorySource({
        "conv_in.weight": { dtype: "F32", shape: [16, 9, 3, 3], data: new Uint8Array(random.buffer) },
      });
      return merged(
        nine,
        renamed(source, (name) => (name === "conv_in.weight" ? undefined : name)),
      );
    },
  };
}

const { open } = found.find((backend) => backend.name === "wasm") ?? found[0];
describe("inpaint", () => {
  let backend: Backend;
  let checkpoint: Checkpoint;
  let sd: StableDiffusion;
  let image: Image;
  const shared = { prompt: "a fox", steps: 4, seed: 7, guidance: 5 };
  beforeAll(async () => {
    backend = await open();
    checkpoint = await openCheckpoint(fixturePath("tiny-sd"));
    sd = await loadStableDiffusion(checkpoint, backend, size);
    image = imageFromTensor(await expected.numbers("vae.enc.64x64.image"), 64, 64);
  });
  afterAll(async () => {
    sd.dispose();
    await backend.dispose();
    await checkpoint.close();
  });

  /** The picture's latents as the seed draws them, and the noise that it draws next. */
  async function drawn() {
    const encoder = await sd.encoder(size, {});
    const moments = await (await encoder.run({ sample: imageToTensor(image) })).moments.read();
    const generator = torchGenerator(shared.seed);
    const original = generator
      .randn(256)
      .map((z, i) => sd.config.vae.scaling_factor * (moments[i] + Math.exp(moments[256 + i] / 2) * z));
    return { original, noise: generator.randn(256) };
  }

  test.each(["ddim", "euler", "pndm", "dpmpp_2m", "euler_a"] as const)(
    "%s: what is kept is the original, to the bit; redoing all is text to image",
    async (sampler) => {
      const { original, noise } = await drawn();
      const kept = await inpaint(sd, { ...shared, image, mask: maskFrom(64), sampler });
      expect(kept.image).toEqual(image);
      expectClose(kept.latents, original, 1e-6 * maxAbs(original), "latents");

      const redone = await inpaint(sd, { ...shared, image, mask: maskFrom(0), sampler });
      if (sampler === "euler_a") return; // draws noise as it goes: from another place of the stream
      const free = await textToImage(sd, { ...shared, ...size, latents: noise, sampler });
      expect(redone.latents).toEqual(free.latents);
      expect(redone.image).toEqual(free.image);
    },
  );

  test("redoing all with a strength is image to image", async () => {
    const redone = await inpaint(sd, { ...shared, image, mask: maskFrom(0), strength: 0.5 });
    expect(redone.latents).toEqual((await imageToImage(sd, { ...shared, image, strength: 0.5 })).latents);
    expect(redone.parameters).toMatchObject({ inpaint: true, strength: 0.5 });
  });

  test("half a mask: one half untouched, the other not; a thin stroke redoes the latents that it touches", async () => {
    const half = await inpaint(sd, { ...shared, image, mask: maskFrom(32) });
    const columns = (from: number, to: number, { data }: Image) =>
      data.filter((_, i) => (i >> 2) % 64 >= from && (i >> 2) % 64 < to);
    expect(columns(0, 32, half.image)).toEqual(columns(0, 32, image));
    expect(columns(32, 64, half.image)).not.toEqual(columns(32, 64, image));
    const { original } = await drawn();
    const free = await inpaint(sd, { ...shared, image, mask: maskFrom(63), paste: false });
    const changed = free.latents.map((x, i) => (Math.abs(x - original[i]) > 1e-3 ? 1 : 0));
    expect(changed.some((c, i) => c && i % 8 === 7)).toBe(true);
    expect(changed.some((c, i) => c && i % 8 < 7)).toBe(false);
    expect(free.image).not.toEqual(image);
  });

  test("a model with nine channels is told, not bound; blind to the mask, it is text to image", async () => {
    const blind = await loadStableDiffusion(inpainting(checkpoint, 0), backend, size);
    const free = await textToImage(sd, { ...shared, ...size });
    const all = await inpaint(blind, { ...shared, image, mask: maskFrom(0) });
    expectClose(all.latents, free.latents, 1e-5 * maxAbs(free.latents), "latents");
    const some = await inpaint(blind, { ...shared, image, mask: maskFrom(32), paste: false });
    expect(some.latents).toEqual(all.latents);
    blind.dispose();

    const seeing = await loadStableDiffusion(inpainting(checkpoint, 0.2), backend, size);
    const result = (from: number, strength?: number) =>
      inpaint(seeing, { ...shared, image, mask: maskFrom(from), strength, paste: false });
    expect((await result(32)).latents).not.toEqual((await result(0)).latents);
    expect((await result(32, 0.5)).timings.stepMs.length).toBe(2);
    await expect(textToImage(seeing, shared)).rejects.toThrow("This model is made for inpainting");
    await expect(imageToImage(seeing, { ...shared, image })).rejects.toThrow("Give both");
    seeing.dispose();
  });
});

test("every sampler takes a constraint; sizes that differ are refused", async () => {
  const checkpoint = await openCheckpoint(fixturePath("tiny-sd"));
  const sd = await loadStableDiffusion(checkpoint, nullBackend(), size);
  const image = maskFrom(0);
  for (const sampler of Object.keys(samplers) as (keyof typeof samplers)[])
    await inpaint(sd, { prompt: "a", steps: 3, image, mask: maskFrom(8), sampler });
  const mask = { width: 32, height: 64, data: new Uint8ClampedArray(4 * 32 * 64) };
  await expect(inpaint(sd, { prompt: "a", image, mask })).rejects.toThrow(
    "The mask is 32×64, the result shall be 64×64. Resize it first",
  );
  await checkpoint.close();
});
