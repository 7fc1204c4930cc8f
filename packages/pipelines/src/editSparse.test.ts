import { backends, fixturePath } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { nullBackend } from "@tessera/kernels/null";
import type { Backend } from "@tessera/kernels";
import type { Checkpoint } from "./checkpoint.ts";
import { openEditSession } from "./editSession.ts";
import { editSparse } from "./editSparse.ts";
import type { Image } from "./image.ts";
import { openCheckpoint } from "./node/openCheckpoint.ts";
import { lazyStableDiffusion, loadStableDiffusion, type StableDiffusion } from "./stableDiffusion.ts";
import { textToImage } from "./textToImage.ts";

/** A picture of soft waves. */
function waves(width: number, height: number): Image {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++)
      data[4 * i + c] = 128 + 90 * Math.sin((i % width) / (9 + c) + Math.floor(i / width) / 7);
  return { width, height, data };
}

function drawnOn({ width, height, data }: Image, top: number, left: number, side: number): Image {
  const painted = data.slice();
  for (let i = top; i < top + side; i++)
    for (let j = left; j < left + side; j++) painted.set([250, 30, 30], 4 * (i * width + j));
  return { width, height, data: painted };
}

let checkpoint: Checkpoint;
beforeAll(async () => void (checkpoint = await openCheckpoint(fixturePath("tiny-sd"))));
afterAll(() => checkpoint.close());

const { open } = (await backends()).find(({ name }) => name === "wasm")!;
describe("an edit by blocks", () => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test("follows the edit as a whole, and leaves the rest as it was", { timeout: 300_000 }, async () => {
    const townscapes = await openCheckpoint(fixturePath("../checkpoints/townscapes-sd"));
    const sd = await loadStableDiffusion(townscapes, backend);
    const settings = { prompt: "a red house and two pine trees under a night sky", seed: 101, guidance: 6 };
    const { image } = await textToImage(sd, { ...settings, steps: 10 });
    const edit = (side: number) =>
      editSparse(sd, { ...settings, steps: 10, compare: true, image, edited: drawnOn(image, 40, 4, side) });
    const { image: result, report } = await edit(8);
    expect(report.edited).toBeCloseTo(64 / 64 ** 2, 6);
    expect(report.macs.sparse).toBeLessThan(0.6 * report.macs.dense);
    expect(report.psnr!.inside).toBeGreaterThan(30);
    expect(report.psnr!.all).toBeGreaterThan(35);
    // Far from the edit not a value has changed.
    for (let i = 0; i < 24; i++) {
      const row = [4 * (i * 64 + 32), 4 * (i + 1) * 64];
      expect([...result.data.subarray(...row)]).toEqual([...image.data.subarray(...row)]);
    }
    const larger = (await edit(20)).report;
    expect(larger.macs.sparse).toBeGreaterThan(report.macs.sparse);
    expect(larger.macs.dense).toBe(report.macs.dense);
    sd.dispose();
    await townscapes.close();
    expect(backend.liveBytes).toBe(0);
  });
});

/** A house, as one would draw it in three strokes: wall, roof, door. */
function withHouse({ width, height, data }: Image, bottom: number, left: number): Image {
  const painted = data.slice();
  const fill = (i: number, j: number, colour: readonly number[]) => painted.set(colour, 4 * (i * width + j));
  for (let i = 0; i < 10; i++)
    for (let j = 0; j < 12; j++) fill(bottom - i, left + j, j > 4 && j < 8 && i < 5 ? [70, 40, 30] : [190, 50, 40]);
  for (let i = 0; i < 7; i++) for (let j = i; j < 14 - i; j++) fill(bottom - 10 - i, left - 1 + j, [80, 50, 50]);
  return { width, height, data: painted };
}

/** Of houses in a picture of 64×64: bottom and left. */
const places = [46, 54].flatMap((bottom) => [4, 26, 46].map((left) => [bottom, left]));
places.push([60, 10], [60, 30], [36, 46]);

describe("a house by a stroke: as the edit as a whole, and nothing else changes", () => {
  const before = { prompt: "a white church on grass under a clear sky", seed: 7, guidance: 6, steps: 20 };
  const after = { ...before, prompt: "a white church and a red house on grass under a clear sky" };
  let backend: Backend;
  let townscapes: Checkpoint;
  let sd: StableDiffusion;
  let image: Image;
  beforeAll(async () => {
    backend = await open();
    townscapes = await openCheckpoint(fixturePath("../checkpoints/townscapes-sd"));
    sd = await loadStableDiffusion(townscapes, backend);
    ({ image } = await textToImage(sd, before));
  });
  afterAll(async () => {
    sd.dispose();
    await townscapes.close();
    await backend.dispose();
  });

  // The statistics of the original alone would lead some of these elsewhere: to 18.8 dB.
  test.each([0.5, 0.6, 0.75])("at nine places, strength %d", { timeout: 300_000 }, async (strength) => {
    const session = await openEditSession(sd, { ...after, strength, image });
    for (const [bottom, left] of places) {
      const at = `house at ${bottom}, ${left}`;
      const edited = withHouse(image, bottom, left);
      const { image: result, report } = await session.edit({ edited, compare: true });
      expect(report.psnr!.inside, at).toBeGreaterThan(31);
      expect(report.macs.sparse, at).toBeLessThan(report.macs.dense);
      // Outside the mask, which grew by 2, what changes is a halo of two latents' 8 pixels, which fades; beyond, nothing does.
      const box = { top: bottom - 16, left: left - 1, right: left + 12 };
      const changed = Array.from({ length: 64 }, () => 0);
      for (let i = 0; i < 64; i++)
        for (let j = 0; j < 64; j++) {
          const far = Math.max(0, box.top - i, i - bottom, box.left - j, j - box.right);
          for (let c = 4 * (i * 64 + j); c < 4 * (i * 64 + j + 1); c++)
            changed[far] = Math.max(changed[far], Math.abs(result.data[c] - image.data[c]));
        }
      expect(Math.max(...changed.slice(11)), at).toBe(0);
      expect(changed[10], at).toBeLessThan(64);
      expect(changed[0], at).toBeGreaterThan(changed[10]);
    }
    session.dispose();
  });
});

test("misuse is refused, before anything is loaded", async () => {
  const backend = nullBackend();
  const record = vi.spyOn(backend, "record");
  const sd = await lazyStableDiffusion(checkpoint, backend);
  const image = waves(64, 64);
  const refused = async (options: object, message: string) => {
    const settings = { prompt: "a", image, edited: drawnOn(image, 3, 3, 5), ...options };
    await expect(editSparse(sd, settings)).rejects.toThrow(message);
    expect(record).not.toHaveBeenCalled();
  };
  await refused({ edited: image }, "The edit changes nothing");
  await refused({ edited: waves(64, 72) }, "The picture is 64×64, but edited is 64×72");
  await refused({ strength: 2 }, "strength is 2, but must be above 0 and at most 1. Try 0.8.");
  await refused({ strength: 0 }, "strength is 0, but must be above 0 and at most 1. Try 0.8.");
  await refused({ steps: 1001 }, "steps is 1001, but must be a whole number from 1 to 1000. Try 20.");
  await refused({ steps: 2, strength: 0.3 }, "A strength of 0.3 leaves none of the 2 steps. Take 4 steps");
  await refused({ cacheBudget: -1 }, "The cache budget is -1 bytes. Give 0 or more.");
  await refused({ latents: new Float32Array(3) }, "The latents have 3 numbers");
  await editSparse(sd, { prompt: "a", image, edited: drawnOn(image, 3, 3, 5), steps: 2 });
  expect(record).toHaveBeenCalled();
});
