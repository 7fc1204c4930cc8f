import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile, type Backend } from "@tessera/kernels";
import { nullBackend } from "@tessera/kernels/null";
import { networksOf } from "@tessera/models";
import { memorySource } from "@tessera/safetensors";
import { torchGenerator } from "@tessera/sampling";
import { backends, expectClose, fixture, fixtureJson, fixturePath, maxAbs, randomWeights } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPixelDiffusion } from "./node/openPixelDiffusion.ts";
import { noiseToImage } from "./noiseToImage.ts";
import { lazyPixelDiffusion, type PixelCheckpoint } from "./pixelDiffusion.ts";

const ddpm = fixturePath("tiny-ddpm");
const expected = fixture("tiny-ddpm/expected.safetensors");
const found = await backends();

// The reference backend, which takes ten times as long, has the networks' own tests.
describe.each(found.filter(({ name }) => name !== "reference"))("on $name", { timeout: 300_000 }, ({ open, name }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test("DDIM's steps are those of ermongroup/ddim", async () => {
    const checkpoint = (await openPixelDiffusion(ddpm))!;
    const diffusion = lazyPixelDiffusion(checkpoint, backend);
    const close = async (actual: Float32Array, key: string) => {
      const reference = await expected.numbers(key);
      expectClose(actual, reference, (name === "webgpu" ? 2e-3 : 1e-4) * maxAbs(reference), key);
    };
    const seen: [step: number, pixels: Promise<Float32Array>][] = [];
    const { pixels, image } = await noiseToImage(diffusion, {
      steps: 5,
      noise: await expected.numbers("ddim.xT"),
      onProgress: ({ phase, step, previewLatents }) => {
        if (phase === "sample" && previewLatents) seen.push([step, previewLatents()]);
      },
    });
    const timesteps = [...(await expected.numbers("ddim.seq"))].toReversed();
    expect(seen.map(([step]) => step)).toEqual([1, 2, 3, 4, 5]);
    for (const [i, t] of timesteps.entries()) await close(await seen[i][1], `ddim.t${t}.x`);
    await close(pixels, "ddim.final");
    expect([image.width, image.height]).toEqual([64, 64]);
    diffusion.dispose();
    expect(backend.liveBytes).toBe(0);
    await checkpoint.close();
  });
});

/** A small student with random weights. */
const student = (changes: object = {}): PixelCheckpoint => {
  const model = { in_ch: 3, out_ch: 6, ch: 8, ch_mult: [1, 2], num_res_blocks: 1, attn_resolutions: [4], temb_ch: 16, head_dim: 4, norm_num_groups: 4, logsnr_input_type: "inv_cos" }; // prettier-ignore
  const config = { data: { image_size: 8 }, model: { ...model, ...changes } };
  return {
    location: "student",
    config,
    weights: randomWeights(networksOf(config).unet.graph()),
    close: async () => {},
  };
};

describe("progressive distillation", () => {
  const backendOf = async () => found.find(({ name }) => name === "wasm")!.open();
  const noise = torchGenerator(3).randn(3 * 64);

  /** Salimans and Ho 2022, by the letter: x̂ by the head, clipped; ε from it; DDIM to the next time; the last x̂. */
  async function definition(checkpoint: PixelCheckpoint, backend: Backend, steps: number, head: "both" | "v") {
    const program = await compile(networksOf(checkpoint.config).unet.graph(), backend, { weights: checkpoint.weights });
    let z: Float32Array = noise;
    for (let i = steps; i >= 1; i--) {
      // α = cos(πt/2), where the schedule is cut at logSNR ±20.
      const [b, end] = [Math.atan(Math.exp(-10)), Math.atan(Math.exp(10))];
      const angle = (k: number) => ((end - b) * k) / steps + b;
      const [a, s] = [Math.cos(angle(i)), Math.sin(angle(i))];
      const [aNext, sNext] = [Math.cos(angle(i - 1)), Math.sin(angle(i - 1))];
      const out = await (await program.run({ sample: z, timestep: [(1000 * 2 * angle(i)) / Math.PI] })).sample.read();
      const x = z.map((value, k) => {
        const fromHead =
          head === "v"
            ? a * value - s * out[k]
            : s ** 2 * out[k] + ((1 - s ** 2) * (value - s * out[k + z.length])) / a;
        return Math.min(Math.max(fromHead, -1), 1);
      });
      z = i === 1 ? x : z.map((value, k) => aNext * x[k] + (sNext * (value - a * x[k])) / s);
    }
    program.dispose();
    return z;
  }

  test.each([
    [1, "both"],
    [4, "both"],
    [8, "both"],
    [1, "v"],
    [4, "v"],
  ] as const)("%i steps with the head %s", async (steps, head) => {
    const backend = await backendOf();
    const checkpoint = student(head === "v" ? { mean_type: "v", out_ch: 3 } : {});
    const diffusion = lazyPixelDiffusion(checkpoint, backend);
    const { pixels, parameters } = await noiseToImage(diffusion, { steps, noise });
    expectClose(pixels, await definition(checkpoint, backend, steps, head), 1e-4);
    expect(parameters).toMatchObject({ steps, sampler: "progressive_distillation" });
    diffusion.dispose();
    await backend.dispose();
  });

  test("takes 8 steps unless told otherwise, and no other sampler's", async () => {
    const diffusion = lazyPixelDiffusion(student(), nullBackend());
    const { timings, image } = await noiseToImage(diffusion);
    expect(timings.stepMs.length).toBe(8);
    expect([image.width, image.height]).toEqual([8, 8]);
    await expect(noiseToImage(diffusion, { sampler: "ddim" })).rejects.toThrow("takes the steps that it learnt");
    expect(() => networksOf(student({ out_ch: 3 }).config)).toThrow(
      'out_ch is 3, but mean_type "both" of 3 channels takes 6',
    );
  });
});

describe("whichever files", () => {
  const { unet_config } = fixtureJson<{ unet_config: object }>("tiny-ddpm/diffusers_layout.json");
  const scheduler = { _class_name: "DDPMScheduler", beta_schedule: "linear", clip_sample: true };

  test.each([
    ["", "scheduler_config.json"],
    ["unet", "scheduler/scheduler_config.json"],
  ])("diffusers' layout in folder %j, whose scheduler clips", async (part, schedule) => {
    const folder = await mkdtemp(join(tmpdir(), "pixels-"));
    for (const inner of ["unet", "scheduler"]) await mkdir(join(folder, inner));
    await writeFile(join(folder, part, "config.json"), JSON.stringify(unet_config));
    await writeFile(join(folder, schedule), JSON.stringify(scheduler));
    await cp(join(ddpm, "model.safetensors"), join(folder, part, "diffusion_pytorch_model.safetensors"));
    const checkpoint = (await openPixelDiffusion(folder))!;
    const diffusion = lazyPixelDiffusion(checkpoint, nullBackend());
    expect(diffusion.sampler("ddim", 5).steps.every((step) => "range" in step && step.range === 1)).toBe(true);
    expect((await noiseToImage(diffusion, { steps: 3, sampler: "ddpm", seed: 1 })).timings.stepMs.length).toBe(3);
    await checkpoint.close();
    await rm(folder, { recursive: true });
  });

  test("the original's schedule clips in DDPM's steps alone", async () => {
    const checkpoint = (await openPixelDiffusion(join(ddpm, "model.safetensors")))!;
    const { sampler } = lazyPixelDiffusion(checkpoint, nullBackend());
    const clips = (name: "ddim" | "ddpm") => sampler(name, 5).steps.every((step) => "range" in step);
    expect([clips("ddim"), clips("ddpm")]).toEqual([false, true]);
    await checkpoint.close();
  });

  test("other models are not opened; weights that do not fit are named", async () => {
    expect(await openPixelDiffusion(fixturePath("tiny-sd"))).toBeUndefined();
    expect(await openPixelDiffusion(fixturePath("tiny-gaugan"))).toBeUndefined();
    expect(await openPixelDiffusion("nowhere")).toBeUndefined();
    const damaged = { ...student(), weights: memorySource({}) };
    await expect(noiseToImage(lazyPixelDiffusion(damaged, nullBackend()))).rejects.toThrow(
      "student: The checkpoint does not fit",
    );
  });
});

test("a seed is a picture; DDIM's η, cancelling, and what cannot be", async () => {
  const backend = await found.find(({ name }) => name === "wasm")!.open();
  const checkpoint = (await openPixelDiffusion(ddpm))!;
  const diffusion = lazyPixelDiffusion(checkpoint, backend, { width: 24, height: 16 });
  const make = async (options: object) => (await noiseToImage(diffusion, { steps: 2, seed: 5, ...options })).pixels;
  const first = await make({});
  expect(first.length).toBe(3 * 24 * 16);
  expect(await make({})).toEqual(first);
  expect(await make({ noise: torchGenerator(5).randn(first.length) })).toEqual(first);
  expect(await make({ eta: 1 })).not.toEqual(first);
  expect(await make({ seed: 6 })).not.toEqual(first);
  const controller = new AbortController();
  const onProgress = ({ step }: { step: number }) => step === 1 && controller.abort(new Error("enough"));
  await expect(make({ onProgress, signal: controller.signal })).rejects.toThrow("enough");
  expect(await make({})).toEqual(first);
  await expect(make({ steps: 0 })).rejects.toThrow("steps is 0");
  await expect(make({ noise: new Float32Array(3) })).rejects.toThrow("begins with 1152 [1 3 16 24]");
  diffusion.dispose();
  await backend.dispose();
  await checkpoint.close();
});
