import { backends, fixturePath } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "@tessera/kernels";
import type { Checkpoint } from "./checkpoint.ts";
import { openEditSession, type EditSession } from "./editSession.ts";
import type { Result } from "./generate.ts";
import { imageToTensor, type Image } from "./image.ts";
import { openCheckpoint } from "./node/openCheckpoint.ts";
import { psnr } from "./psnr.ts";
import { loadStableDiffusion, type StableDiffusion } from "./stableDiffusion.ts";
import { textToImage } from "./textToImage.ts";

function drawnOn({ width, height, data }: Image, top: number, left: number, side: number): Image {
  const painted = data.slice();
  for (let i = top; i < top + side; i++)
    for (let j = left; j < left + side; j++) painted.set([250, 30, 30], 4 * (i * width + j));
  return { width, height, data: painted };
}
const alike = (a: Image, b: Image) => psnr(imageToTensor(a), imageToTensor(b));

const { open } = (await backends()).find(({ name }) => name === "wasm")!;
describe("an edit session", () => {
  const settings = { prompt: "a red house and two pine trees under a night sky", seed: 101, guidance: 6, steps: 10 };
  let backend: Backend;
  let checkpoint: Checkpoint;
  let sd: StableDiffusion;
  let made: Result;
  const sessions: EditSession[] = [];
  async function session(options: { cacheBudget?: number; latents?: Float32Array } = {}): Promise<EditSession> {
    sessions.push(await openEditSession(sd, { ...settings, image: made.image, ...options }));
    return sessions.at(-1)!;
  }
  beforeAll(async () => {
    backend = await open();
    checkpoint = await openCheckpoint(fixturePath("../checkpoints/townscapes-sd"));
    sd = await loadStableDiffusion(checkpoint, backend);
    made = await textToImage(sd, settings);
  });
  afterAll(async () => {
    for (const each of sessions) each.dispose();
    sd.dispose();
    await checkpoint.close();
    await backend.dispose();
  });

  test("keeps as much of the original as it may, and computes the rest again", { timeout: 120_000 }, async () => {
    const edited = drawnOn(made.image, 40, 4, 8);
    const none = await session({ cacheBudget: 0 });
    const exact = await none.edit({ edited, compare: true });
    expect(none.cache).toMatchObject({ bytes: 0, cached: 0, recomputedMacs: none.cache.wholeMacs });

    const all = await session();
    expect(all.cache).toMatchObject({ cached: 12, recomputedMacs: 0 });
    expect(all.cache.bytes).toBeGreaterThan(0);
    const first = await all.edit({ edited, compare: true });
    expect(first.report.ms.record).toBeGreaterThan(0);
    expect(first.report.cache).toBe(all.cache);
    // Halves are all that is lost.
    expect(alike(first.image, exact.image)).toBeGreaterThan(45);
    expect(first.report.psnr!.inside).toBeGreaterThan(30);
    const again = await all.edit({ edited });
    expect(again.image.data).toEqual(first.image.data);
    expect(again.report.ms.record).toBe(0);

    const budget = Math.floor(all.cache.bytes / 2);
    const half = await session({ cacheBudget: budget });
    expect(half.cache.bytes).toBeLessThanOrEqual(budget);
    expect(half.cache.recomputedMacs).toBeGreaterThan(0);
    expect(half.cache.recomputedMacs).toBeLessThan(half.cache.wholeMacs);
    const { image, report } = await half.edit({ edited });
    expect(alike(image, exact.image)).toBeGreaterThan(45);
    expect(report.cache).toMatchObject({ budget, recomputedMacs: half.cache.recomputedMacs });
  });

  test.each([undefined, 300_000])(
    "accepts, undoes and redoes (budget %s)",
    { timeout: 120_000 },
    async (cacheBudget) => {
      const one = await session({ cacheBudget, latents: made.latents });
      expect([one.canUndo, one.canRedo, await one.undo(), await one.redo()]).toEqual([false, false, false, false]);
      await expect(one.accept()).rejects.toThrow("There is no edit to accept");
      const low = await one.edit({ edited: drawnOn(one.image, 44, 4, 8) });
      await one.accept();
      expect(one.image).toBe(low.image);

      // The next edit, partly of the same tiles, begins with what was accepted, and leaves the rest of that as it is.
      const drawn = drawnOn(one.image, 40, 10, 8);
      const high = await one.edit({ edited: drawn, compare: true });
      const rows = (image: Image) => image.data.subarray(0, 4 * 64 * 20);
      expect(rows(high.image)).toEqual(rows(low.image));
      expect(high.report.psnr!.inside).toBeGreaterThan(30);
      await one.accept();
      expect([one.canUndo, one.canRedo]).toEqual([true, false]);

      expect(await one.undo()).toBe(true);
      expect(one.image).toBe(low.image);
      expect(one.canRedo).toBe(true);
      await expect(one.accept()).rejects.toThrow("There is no edit to accept");
      expect((await one.edit({ edited: drawn })).image.data).toEqual(high.image.data);
      await one.undo();
      expect(one.image).toBe(made.image);
      expect((await one.edit({ edited: drawnOn(made.image, 44, 4, 8) })).image.data).toEqual(low.image.data);
      await one.redo();
      await one.redo();
      expect(one.image).toBe(high.image);
      expect([one.canUndo, one.canRedo]).toEqual([true, false]);
    },
  );

  test("stops when told to, and stays usable", { timeout: 120_000 }, async () => {
    const one = await session();
    const edited = drawnOn(made.image, 20, 20, 10);
    const stop = new AbortController();
    const phases: string[] = [];
    const stopped = one.edit({
      edited,
      signal: stop.signal,
      onProgress({ phase, step }) {
        phases.push(`${phase} ${step}`);
        if (phase === "sample" && step === 2) stop.abort(new Error("another stroke"));
      },
    });
    await expect(stopped).rejects.toThrow("another stroke");
    expect(phases).toEqual(["encode 0", "encode 1", "sample 1", "sample 2"]);
    const { report } = await one.edit({ edited });
    const unet = report.blocks.find(({ network }) => network === "UNet")!;
    expect(unet.tiles).toHaveLength(2 * unet.active);
    const held = backend.liveBytes;
    one.dispose();
    one.dispose();
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(backend.liveBytes).toBeLessThan(held);
    await expect(one.edit({ edited })).rejects.toThrow("has been disposed");
  });

  test("a mask alone redoes what is in it", { timeout: 120_000 }, async () => {
    const one = await session();
    const white = drawnOn({ ...made.image, data: made.image.data.map((_, i) => (i % 4 === 3 ? 255 : 0)) }, 8, 8, 12);
    const mask = { ...white, data: white.data.map((x) => (x ? 255 : 0)) };
    const { image, report } = await one.edit({ mask });
    expect(report.edited).toBeCloseTo(144 / 4096, 6);
    expect(image.data).not.toEqual(made.image.data);
    await expect(one.edit({})).rejects.toThrow("The edit changes nothing");
  });
});
