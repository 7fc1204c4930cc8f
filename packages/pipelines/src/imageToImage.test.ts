import { fileURLToPath } from "node:url";
import { nullBackend } from "@tessera/kernels/null";
import { addNoise, alphaBarsOf, torchGenerator } from "@tessera/sampling";
import { backends, expectClose, fixture, fixturePath, maxAbs } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Checkpoint } from "./checkpoint.ts";
import { imageFromTensor, imageToTensor, type Image } from "./image.ts";
import { imageToImage } from "./imageToImage.ts";
import { openCheckpoint } from "./node/openCheckpoint.ts";
import type { Progress } from "./progress.ts";
import { loadStableDiffusion } from "./stableDiffusion.ts";

const found = await backends();
const grey = (width: number, height: number): Image => ({
  width,
  height,
  data: new Uint8ClampedArray(4 * width * height).fill(128),
});

describe("without a device", () => {
  let checkpoint: Checkpoint;
  beforeAll(async () => void (checkpoint = await openCheckpoint(fixturePath("tiny-sd"))));
  afterAll(() => checkpoint.close());
  const load = () => loadStableDiffusion(checkpoint, nullBackend());

  test.each([
    [20, 0.8, 16],
    [20, 0.33, 6],
    [5, 0.2, 1],
    [5, 1, 5],
  ])("of %d steps, strength %d leaves %d", async (steps, strength, taken) => {
    const progress: Progress[] = [];
    const options = {
      prompt: "a",
      image: grey(64, 96),
      steps,
      strength,
      onProgress: (p: Progress) => void progress.push(p),
    };
    const { timings, image, latents } = await imageToImage(await load(), options);
    expect(timings.stepMs.length).toBe(taken);
    expect(progress.filter(({ phase }) => phase === "sample").at(-1)).toMatchObject({ step: taken, total: taken });
    expect(image).toMatchObject({ width: 64, height: 96 });
    expect(latents.length).toBe(4 * 8 * 12);
  });

  test("misuse is refused", async () => {
    const sd = await load();
    const refused = async (options: object, message: string) =>
      expect(imageToImage(sd, { prompt: "a", image: grey(64, 64), ...options })).rejects.toThrow(message);
    await refused({ strength: 0 }, "strength is 0, but must be above 0 and at most 1");
    await refused({ strength: 1.1 }, "strength is 1.1");
    await refused({ strength: 0.01 }, "leaves none of the 20 steps. Take 100 steps, or a strength of 0.05");
    await refused({ width: 128 }, "The picture is 64×64, the result shall be 128×64");
    await refused({ image: grey(60, 64) }, "The width is 60 pixels");
  });
});

/** The fastest backend here that is not the definition; the tiny model is small enough for that too. */
const { name, open } = found.find((backend) => backend.name === "wasm") ?? found[0];

describe(`on ${name}`, () => {
  test("the picture's latents and their noise are drawn in diffusers' order", { timeout: 300_000 }, async () => {
    const expected = fixture("tiny-sd/expected.safetensors");
    const backend = await open();
    const checkpoint = await openCheckpoint(fixturePath("tiny-sd"));
    const sd = await loadStableDiffusion(checkpoint, backend, {
      width: 64,
      height: 64,
      guided: false,
    });
    const image = imageFromTensor(await expected.numbers("vae.enc.64x64.image"), 64, 64);
    // Of a table of 500 steps the last alone changes next to nothing: what it begins with is what it ends with.
    const { latents } = await imageToImage(sd, {
      prompt: "",
      image,
      steps: 500,
      strength: 0.002,
      guidance: 1,
      seed: 7,
    });

    const encoder = await sd.encoder({ width: 64, height: 64 }, {});
    const moments = await (await encoder.run({ sample: imageToTensor(image) })).moments.read();
    const generator = torchGenerator(7);
    const posterior = generator.randn(256);
    const noise = generator.randn(256);
    const { x, noise: share } = addNoise(alphaBarsOf(sd.config.scheduler), 1);
    const begun = posterior.map(
      (z, i) => x * 0.18215 * (moments[i] + Math.exp(moments[256 + i] / 2) * z) + share * noise[i],
    );
    expectClose(latents, begun, 0.1 * maxAbs(begun), "latents");
    sd.dispose();
    await checkpoint.close();
    await backend.dispose();
  });

  test.skipIf(name !== "wasm")("a little strength changes little, much changes much; a seed decides", async () => {
    const town = fixture("townscapes/expected.safetensors");
    const backend = await open();
    const checkpoint = await openCheckpoint(
      fileURLToPath(new URL("../../../checkpoints/townscapes-sd", import.meta.url)),
    );
    const sd = await loadStableDiffusion(checkpoint, backend);
    const chw = (await town.numbers("vae.enc.image")).subarray(0, 3 * 64 * 64);
    const image = imageFromTensor(chw, 64, 64);
    const prompt = "a white church with a blue roof on snow at sunset";
    const distance = (a: Image, b: Image) =>
      Math.sqrt(a.data.reduce((sum, value, i) => sum + (value - b.data[i]) ** 2, 0) / a.data.length);
    const make = (strength: number, seed: number) => imageToImage(sd, { prompt, image, strength, seed, steps: 20 });
    const little = await make(0.1, 1);
    const much = await make(0.9, 1);
    expect(distance(little.image, image)).toBeLessThan(16);
    expect(distance(much.image, image)).toBeGreaterThan(2 * distance(little.image, image));
    expect((await make(0.1, 1)).image).toEqual(little.image);
    expect((await make(0.1, 2)).image).not.toEqual(little.image);
    sd.dispose();
    expect(backend.liveBytes).toBe(0);
    await checkpoint.close();
    await backend.dispose();
  });
});
