import { backends, fixturePath, renewable } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { DeviceLostError, type Backend, type Program } from "@tessera/kernels";
import type { Checkpoint } from "./checkpoint.ts";
import { openEditSession, type EditSession } from "./editSession.ts";
import type { Result } from "./generate.ts";
import { imageToTensor, type Image } from "./image.ts";
import { openCheckpoint } from "./node/openCheckpoint.ts";
import { psnr } from "./psnr.ts";
import type { Progress } from "./progress.ts";
import { lazyStableDiffusion, loadStableDiffusion, type StableDiffusion } from "./stableDiffusion.ts";
import { textToImage } from "./textToImage.ts";

function drawnOn({ width, height, data }: Image, top: number, left: number, side: number): Image {
  const painted = data.slice();
  for (let i = top; i < top + side; i++)
    for (let j = left; j < left + side; j++) painted.set([250, 30, 30], 4 * (i * width + j));
  return { width, height, data: painted };
}
const alike = (a: Image, b: Image) => psnr(imageToTensor(a), imageToTensor(b));

const found = await backends();
const { open } = found.find(({ name }) => name === "wasm")!;
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
      onProgress({ phase, step, within }) {
        if (phase !== "load" && within === undefined) phases.push(`${phase} ${step}`);
        if (phase === "sample" && step === 2) stop.abort(new Error("another stroke"));
      },
    });
    await expect(stopped).rejects.toThrow("another stroke");
    expect(phases).toEqual(["encode 0", "encode 1", "sample 0", "sample 1", "sample 2"]);
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

  test("tells how much of each step is done, whatever runs it takes, and stops within one", async () => {
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => (now += 200)); // nothing is too soon to be told
    onTestFinished(() => clock.mockRestore());
    const telling: Backend = Object.create(backend, { record: { value: recordTelling } });
    async function recordTelling(...given: Parameters<Backend["record"]>): Promise<Program> {
      const program = await backend.record(...given);
      const run: Program["run"] = async (inputs, { signal, onProgress } = {}) => {
        for (const done of [1, 2, 3, 4]) onProgress?.(done, 4);
        return program.run(inputs, { signal });
      };
      return { ...program, run };
    }
    let told: Progress[] = [];
    const onProgress = (progress: Progress) => void told.push(progress);
    /** The shares told of each step, which rise from above 0 to below 1. */
    const shares = () => {
      const steps = new Map<string, number[]>();
      for (const { phase, step, detail, within } of told) {
        if (within === undefined || phase === "load") continue;
        const key = [phase, ...(phase === "sample" ? [step] : []), detail].filter((x) => x !== undefined).join(" ");
        steps.set(key, [...(steps.get(key) ?? []), within]);
      }
      for (const [key, all] of steps) {
        expect(all[0], key).toBeGreaterThan(0);
        expect(all.at(-1), key).toBeLessThan(1);
        for (let i = 1; i < all.length; i++) expect(all[i], key).toBeGreaterThan(all[i - 1]);
      }
      told = [];
      return Object.fromEntries([...steps].map(([key, all]) => [key, all.length]));
    };
    const lazy = await lazyStableDiffusion(checkpoint, telling);
    const short = { ...settings, steps: 4, strength: 0.5, image: made.image };
    sessions.push(await openEditSession(lazy, short));
    const cacheBudget = 0.7 * sessions.at(-1)!.cache.bytes;
    const one = await openEditSession(lazy, { ...short, cacheBudget, onProgress });
    sessions.push(one);
    const { cached } = one.cache;
    expect(cached).toBe(2); // of four evaluations: the first step's
    const recorded = Array.from({ length: cached }, (_, i) => [`sample ${i} recording`, 3]);
    expect(shares()).toEqual({ encode: 3, ...Object.fromEntries(recorded), "decode recording": 3 });
    const edited = drawnOn(made.image, 20, 20, 10);
    const { image } = await one.edit({ edited, compare: true, onProgress });
    const whole = {
      "encode as a whole": 3,
      "sample 0 as a whole": 6,
      "sample 1 as a whole": 6,
      "decode as a whole": 3,
    };
    // Two guided evaluations a step, edited; those that are not cached are recorded before.
    const sampled = { "sample 0": 6, "sample 1": 12 };
    expect(shares()).toEqual({ encode: 3, ...sampled, decode: 3, ...whole });

    const stop = new AbortController();
    const stopped = (
      work: (watch: { signal: AbortSignal; onProgress(progress: Progress): void }) => Promise<unknown>,
    ) =>
      expect(
        work({
          signal: stop.signal,
          onProgress: ({ phase, within = 0 }) => phase === "sample" && within > 0.5 && stop.abort(new Error("enough")),
        }),
      ).rejects.toThrow("enough");
    await stopped((watch) => one.edit({ edited, ...watch }));
    await stopped((watch) => one.accept(watch));
    expect([one.image, one.canUndo]).toEqual([made.image, false]);
    expect((await one.edit({ edited })).image.data).toEqual(image.data);
    await one.accept();
    expect(one.image.data).toEqual(image.data);
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

describe("a session outlives its device", () => {
  const data = Uint8ClampedArray.from({ length: 4 * 64 * 64 }, (_, i) =>
    i % 4 === 3 ? 255 : 128 + 90 * Math.sin(i / 40),
  );
  const image = { width: 64, height: 64, data };
  const settings = { image, prompt: "a", seed: 1, guidance: 1 };
  let checkpoint: Checkpoint;
  beforeAll(async () => void (checkpoint = await openCheckpoint(fixturePath("tiny-sd"))));
  afterAll(() => checkpoint.close());

  test("whatever it was doing", { timeout: 120_000 }, async () => {
    const wasm = await open();
    onTestFinished(() => wasm.dispose());
    // As WebGPU does: programs bound to results that went with the device are lost with them, others are recorded again.
    let [device, losses] = [0, 0];
    const made = new WeakMap<object, number>();
    const backend: Backend = Object.create(wasm, { record: { value: record } });
    async function record(...given: Parameters<Backend["record"]>): Promise<Program> {
      const bound = Object.values(given[2]?.bound ?? {});
      const mustBeThere = () => {
        if (bound.every((t) => made.get(t) === device)) return;
        losses++;
        throw new DeviceLostError("The device was lost.");
      };
      mustBeThere();
      const program = await wasm.record(...given);
      const run: Program["run"] = async (...how) => {
        mustBeThere();
        const outputs = await program.run(...how);
        for (const t of Object.values(outputs)) made.set(t, device);
        return outputs;
      };
      return { ...program, run };
    }
    const sd = await lazyStableDiffusion(checkpoint, backend);
    const session = await openEditSession(sd, { ...settings, steps: 4 });
    const edited = drawnOn(image, 10, 10, 8);
    const first = await session.edit({ edited });
    device++;
    expect((await session.edit({ edited })).image.data).toEqual(first.image.data);
    expect(losses).toBe(1);
    const losing = {
      onProgress: ({ phase, step }: Progress) => phase === "sample" && step === 1 && !losses && device++,
    };
    losses = 0;
    expect((await session.edit({ edited, ...losing })).image.data).toEqual(first.image.data);
    expect(losses).toBe(1);
    const onto = drawnOn(first.image, 40, 40, 8);
    await session.accept();
    const second = await session.edit({ edited: onto });
    await session.undo();
    await session.edit({ edited });
    losses = 0;
    await session.accept(losing);
    expect(losses).toBe(1);
    expect([session.canUndo, session.image.data]).toEqual([true, first.image.data]);
    expect((await session.edit({ edited: onto })).image.data).toEqual(second.image.data);
    const always = { onProgress: ({ phase }: Progress) => phase === "sample" && device++ };
    await expect(session.edit({ edited: onto, ...always })).rejects.toThrow(DeviceLostError);
    expect((await session.edit({ edited: onto })).image.data).toEqual(second.image.data);
  });

  // Software adapters take minutes to compile it all twice.
  const isAsked = process.env.CONFORMANCE === "whole" && found.some(({ name }) => name === "webgpu");
  test.runIf(isAsked)("on WebGPU", { timeout: 300_000 }, async () => {
    const { devices, backend } = await renewable();
    const sd = await lazyStableDiffusion(checkpoint, backend);
    const session = await openEditSession(sd, { ...settings, steps: 2 });
    const edited = drawnOn(image, 10, 10, 8);
    const onProgress = ({ phase }: Progress) => phase === "sample" && devices[0].destroy();
    const { image: result } = await session.edit({ edited, onProgress });
    expect(devices.length).toBe(2);
    expect((await session.edit({ edited })).image.data).toEqual(result.data);
    expect(devices.length).toBe(2);
  });
});
