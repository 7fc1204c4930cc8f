import { lazyPixelDiffusion, noiseToImage, type PixelCheckpoint } from "@tessera/pipelines";
import { replaceFile } from "@tessera/safetensors/node";
import { checkPicture } from "./checkTarget.ts";
import { encodePng } from "./encodePng.ts";
import type { GenerateOptions } from "./generate.ts";
import { generationTexts } from "./generationTexts.ts";
import { dashed, withBackend, type Surroundings } from "./options.ts";
import { progressDisplay } from "./progressDisplay.ts";
import { UserError } from "./UserError.ts";

/** Options of `tessera generate` that mean something to a model which is told nothing. */
const known: readonly string[] = [
  "model",
  "out",
  "steps",
  "seed",
  "width",
  "height",
  "sampler",
  "eta",
  "backend",
  "threads",
  "tune",
  "json",
] satisfies (keyof GenerateOptions)[];

/** Does what `tessera generate` says for a model of pixels, without a prompt; closes the checkpoint. */
export async function generateFromNoise(
  checkpoint: PixelCheckpoint,
  prompt: string | undefined,
  options: GenerateOptions,
  { signal }: Surroundings,
): Promise<{ summary: object; lines: string[] }> {
  const display = progressDisplay();
  try {
    const unheard = [
      ...(prompt === undefined ? [] : ["a prompt"]),
      ...Object.keys(options)
        .filter((name) => !known.includes(name))
        .map(dashed),
    ];
    if (unheard.length)
      throw new UserError(
        `${checkpoint.location} makes pictures of what it was trained on and is told nothing else: leave out ${unheard.join(", ")}.`,
      );
    await checkPicture(options.out);
    return await withBackend(options, async ({ backend, reason }) => {
      const { steps, seed, eta, sampler, width, height } = options;
      const watch = { onProgress: display.onProgress, signal };
      const diffusion = lazyPixelDiffusion(checkpoint, backend, { width, height });
      const { image, parameters, timings } = await noiseToImage(diffusion, { steps, seed, eta, sampler, ...watch });
      diffusion.dispose();
      display.stop();
      const { location } = checkpoint;
      const png = encodePng(image, generationTexts(parameters, { location, files: {} }, backend.description));
      await replaceFile(options.out, (sink) => Promise.resolve(sink.write(png)));
      const { loadMs, sampleMs } = timings;
      const timing = { ...timings, totalMs: loadMs + sampleMs };
      const summary = {
        out: options.out,
        parameters,
        model: { location },
        backend: { name: backend.name, description: backend.description, reason },
        timings: timing,
      };
      const s = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
      const taken = timings.stepMs.length;
      const lines = [
        `${options.out}: ${image.width}×${image.height}, seed ${parameters.seed}`,
        `${s(timing.totalMs)}: load ${s(loadMs)}, ${taken} steps ${s(sampleMs)} (${(sampleMs / taken).toFixed(0)} ms each)`,
        `${backend.description}; ${reason}`,
      ];
      return { summary, lines };
    });
  } finally {
    display.stop();
    await checkpoint.close();
  }
}
