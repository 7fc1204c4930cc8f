import { backends, fixturePath } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nullBackend } from "@tessera/kernels/null";
import type { Backend } from "@tessera/kernels";
import type { Checkpoint } from "./checkpoint.ts";
import { editSparse } from "./editSparse.ts";
import type { Image } from "./image.ts";
import { openCheckpoint } from "./node/openCheckpoint.ts";
import { loadStableDiffusion } from "./stableDiffusion.ts";
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

test("misuse is refused", async () => {
  const sd = await loadStableDiffusion(checkpoint, nullBackend());
  const image = waves(64, 64);
  const refused = (options: object, message: string) =>
    expect(editSparse(sd, { prompt: "a", image, edited: image, ...options })).rejects.toThrow(message);
  await refused({}, "The edit changes nothing");
  await refused({ edited: waves(64, 72) }, "The picture is 64×64, but edited is 64×72");
  await refused({ edited: drawnOn(image, 3, 3, 5), strength: 2 }, "strength is 2");
});
