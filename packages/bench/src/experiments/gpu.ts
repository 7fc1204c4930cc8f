import { componentGraph, sd15 } from "@tessera/models";
import { loadStableDiffusion, textToImage } from "@tessera/pipelines";
import * as v from "valibot";
import { profile } from "../profile.ts";
import { randomCheckpoint } from "../randomCheckpoint.ts";
import { randomInputs, randomWeights } from "../randomNumbers.ts";
import { LimitsSchema, ProfileRowSchema, type ProfileRow } from "../result.ts";
import { experiment, type Laboratory, type Settings } from "./experiment.ts";
import { measured, milliseconds } from "./rows.ts";
import type { Row } from "./run.ts";
import { NetworkCostSchema, timeNetwork } from "./timeNetwork.ts";

/** The picture's side in pixels, and the steps to it. */
const sizes = ({ quick }: Settings) => (quick ? { side: 128, steps: 2 } : { side: 512, steps: 20 });

const latents = (settings: Settings) => ({ height: sizes(settings).side / 8, width: sizes(settings).side / 8 });

const networks = {
  "text encoder": () => componentGraph({ component: "text_encoder", config: sd15.text_encoder }),
  UNet: (settings: Settings) => componentGraph({ component: "unet", config: sd15.unet }, latents(settings)),
  "VAE decoder": (settings: Settings) =>
    componentGraph({ component: "vae_decoder", config: sd15.vae }, latents(settings)),
} as const;

const PictureSchema = v.object({ encodeMs: v.number(), sampleMs: v.number(), decodeMs: v.number() });

/** Where a step of the UNet spends its time, by the device's own clock; nothing where it has none. */
async function kernels(laboratory: Laboratory): Promise<ProfileRow[]> {
  const { backend, quick, signal, say } = laboratory;
  const graph = networks.UNet(laboratory);
  const settings = {
    backend,
    weights: randomWeights(graph),
    inputs: randomInputs(graph),
    repeat: quick ? 1 : 5,
    signal,
  };
  try {
    return (await profile(graph, settings)).rows;
  } catch (error) {
    if (!(error as Error).message.startsWith("profile:")) throw error;
    say(`  ${(error as Error).message}`);
    return [];
  }
}

/** A guided picture from the empty prompt, once everything is compiled. */
async function picture(laboratory: Laboratory): Promise<v.InferOutput<typeof PictureSchema>> {
  const { backend, signal, say } = laboratory;
  const { side, steps } = sizes(laboratory);
  const [width, height] = [side, side];
  const sd = await loadStableDiffusion(randomCheckpoint(), backend, { width, height, signal });
  try {
    const settings = { prompt: "", seed: 1, width, height, signal };
    await textToImage(sd, { ...settings, steps: 1 });
    say(`  ${steps} steps`);
    const { encodeMs, sampleMs, decodeMs } = (await textToImage(sd, { ...settings, steps })).timings;
    return { encodeMs, sampleMs, decodeMs };
  } finally {
    sd.dispose();
  }
}

/** Rows of the same kernel together, dearest first. */
function byKernel(rows: readonly ProfileRow[]): ProfileRow[] {
  const sums = new Map<string, ProfileRow>();
  for (const row of rows) {
    const { calls, ms, macs, bytes } = sums.get(row.kernel) ?? { calls: 0, ms: 0, macs: 0, bytes: 0 };
    sums.set(row.kernel, {
      ...row,
      calls: calls + row.calls,
      ms: ms + row.ms,
      macs: macs + row.macs,
      bytes: bytes + row.bytes,
    });
  }
  return [...sums.values()].sort((a, b) => b.ms - a.ms);
}

export const gpu = experiment({
  id: "gpu",
  question: "How fast is Stable Diffusion 1.5 on this GPU, and how near does each kernel come to what it can do?",
  backend: "webgpu",
  outcome: v.object({
    limits: v.optional(LimitsSchema),
    /** What the device says of itself: adapter, features, limits. */
    caps: v.optional(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()]))),
    kernels: v.optional(v.array(ProfileRowSchema)),
    cost: v.optional(NetworkCostSchema),
    picture: v.optional(PictureSchema),
  }),
  parts: () => [
    {
      name: "device",
      run: async (laboratory) => ({
        limits: await laboratory.limits(),
        caps: Object.fromEntries(
          Object.entries(laboratory.backend.caps as object).filter(([, value]) => value !== undefined),
        ),
      }),
    },
    ...Object.entries(networks).map(([name, build]) => ({
      name,
      run: async (laboratory: Laboratory) => {
        const key = `sd15 ${name} ${sizes(laboratory).side}`;
        return { cost: await timeNetwork(laboratory, key, () => build(laboratory)) };
      },
    })),
    { name: "kernels", run: async (laboratory: Laboratory) => ({ kernels: await kernels(laboratory) }) },
    { name: "picture", run: async (laboratory: Laboratory) => ({ picture: await picture(laboratory) }) },
  ],
  tables(outcomes, settings) {
    const { limits, caps } = outcomes.get("device")!;
    const { simdGflops, halfGflops, copyGigabytesPerSecond } = limits!;
    const subject = limits!.adapter ?? "this device";
    const { side, steps } = sizes(settings);
    const device: Row[] = [
      measured({ subject, quantity: "multiply-adds in f32", unit: "GFLOPS" }, { value: simdGflops }),
      ...(halfGflops === undefined
        ? []
        : [measured({ subject, quantity: "multiply-adds in f16", unit: "GFLOPS" }, { value: halfGflops })]),
      measured({ subject, quantity: "copy of memory", unit: "GB/s" }, { value: copyGigabytesPerSecond }),
      ...Object.entries(caps!).flatMap(([quantity, value]) =>
        typeof value === "number" ? [measured({ subject, quantity, unit: "" }, { value })] : [],
      ),
    ];
    const rows = outcomes.get("kernels")!.kernels!;
    const total = rows.reduce((sum, { ms }) => sum + ms, 0);
    const spent: Row[] = byKernel(rows).flatMap(({ kernel, calls, ms, macs, bytes }) => {
      const about = { subject: `${kernel} (${calls} calls)`, keys: { kernel } };
      const gflops = (2 * macs) / ms / 1e6;
      const share = (of: string, value: number) =>
        measured({ ...about, quantity: `of the ${of}`, unit: "%" }, { value: 100 * value });
      const note = kernel.includes("winograd") ? "counted as a direct convolution: it multiplies less" : undefined;
      return [
        measured({ ...about, quantity: "in one step", unit: "ms" }, { value: ms }),
        measured({ ...about, quantity: "of the step", unit: "%" }, { value: (100 * ms) / total }),
        ...(macs
          ? [
              measured({ ...about, quantity: "rate", unit: "GFLOPS" }, { value: gflops }, { note }),
              share("peak in f32", gflops / simdGflops),
              ...(halfGflops === undefined ? [] : [share("peak in f16", gflops / halfGflops)]),
            ]
          : []),
        share("copy of memory", bytes / ms / 1e6 / copyGigabytesPerSecond),
      ];
    });
    const network = (name: keyof typeof networks): Row =>
      measured({ subject: name, quantity: "one run", unit: "ms" }, milliseconds(outcomes.get(name)!.cost!.time));
    const { encodeMs, sampleMs, decodeMs } = outcomes.get("picture")!.picture!;
    const whole = `a guided picture of ${side}×${side} in ${steps} steps`;
    const seconds = (quantity: string, ms: number) =>
      measured({ subject: whole, quantity, unit: "s" }, { value: ms / 1000 });
    return [
      { title: "The device", rows: device },
      { title: `Kernels in a step of the UNet for ${side}×${side}`, rows: spent },
      {
        title: `Stable Diffusion 1.5 at ${side}×${side}`,
        rows: [
          network("text encoder"),
          network("UNet"),
          network("VAE decoder"),
          seconds("prompts", encodeMs),
          seconds("sampling", sampleMs),
          seconds("decoding", decodeMs),
          seconds("from prompt to picture", encodeMs + sampleMs + decodeMs),
        ],
      },
    ];
  },
});
