import { clampFloat32, combineFloat32, samplers, torchGenerator, type SamplerName } from "@tessera/sampling";
import { imageFromTensor, type Image } from "./image.ts";
import { PipelineError } from "./PipelineError.ts";
import type { PixelDiffusion } from "./pixelDiffusion.ts";
import { withinStep, type OnProgress } from "./progress.ts";

export interface NoiseToImageOptions {
  /** Evaluations of the network; default 50, and 8 for progressive distillation. */
  readonly steps?: number;
  /** By the names of `samplers` in @tessera/sampling; default `ddim`. Students of progressive distillation have their own. */
  readonly sampler?: SamplerName;
  /** DDIM's η: 0 (default) is deterministic, 1 adds as much noise as DDPM. */
  readonly eta?: number;
  /** An integer; the same one gives the noise that diffusers draws with a CPU generator. Default random. */
  readonly seed?: number;
  /** The noise to begin with [1 c h w], instead of the seed's. */
  readonly noise?: Float32Array;
  readonly onProgress?: OnProgress;
  /** Stops between kernels: the call rejects with the signal's reason and the model stays usable. */
  readonly signal?: AbortSignal;
}

export interface NoiseToImageResult {
  readonly image: Image;
  /** The picture before it is limited to −1 … 1 and rounded [1 c h w]. */
  readonly pixels: Float32Array;
  readonly seed: number;
  /** In milliseconds. `loadMs` is what this call compiled: 0 when everything was there. */
  readonly timings: { readonly loadMs: number; readonly stepMs: readonly number[]; readonly sampleMs: number };
  readonly parameters: {
    readonly steps: number;
    readonly sampler: SamplerName;
    readonly eta: number;
    readonly seed: number;
    readonly width: number;
    readonly height: number;
  };
}

/**
 * Noise becomes a picture, of whatever the model was trained on (Ho et al. 2020; Song et al. 2021; Salimans and Ho 2022).
 * What a step does besides the network is little work on pixels, and is done on the host.
 *
 * @throws {PipelineError} for options that cannot be met; the signal's reason when aborted
 */
export async function noiseToImage(
  diffusion: PixelDiffusion,
  { noise, onProgress, signal, ...options }: NoiseToImageOptions = {},
): Promise<NoiseToImageResult> {
  const { width, height, channels, defaults } = diffusion;
  const { steps = defaults.steps, sampler: name = defaults.sampler, eta = 0 } = options;
  const { seed = crypto.getRandomValues(new Uint32Array(1))[0] } = options;
  const elements = channels * height * width;
  const must = (holds: boolean, message: string) => {
    if (!holds) throw new PipelineError(message);
  };
  must(Number.isInteger(steps) && steps >= 1, `steps is ${steps}, but must be a whole number from 1.`);
  must(eta >= 0 && eta <= 1, `eta is ${eta}, but must be from 0 (deterministic) to 1 (as noisy as DDPM).`);
  must(Number.isSafeInteger(seed), `seed is ${seed}, but must be a whole number within ±${Number.MAX_SAFE_INTEGER}.`);
  must(Object.hasOwn(samplers, name), `There is no sampler ${name}. Known: ${Object.keys(samplers).join(", ")}.`);
  must(
    !noise || noise.length === elements,
    `noise has ${noise?.length} numbers, but a picture of this size begins with ${elements} [1 ${channels} ${height} ${width}].`,
  );
  const sampler = diffusion.sampler(name, steps, { eta });
  const generator = torchGenerator(seed);
  signal?.throwIfAborted();

  const loading = performance.now();
  await diffusion.load({ signal, onProgress });
  const started = performance.now();
  const stepMs: number[] = [];
  const total = sampler.steps.length;
  const at = () => ({ phase: "sample", step: stepMs.length, total }) as const;
  onProgress?.(at());
  let last = started;
  const begin = (noise ?? generator.randn(elements)).map((z) => sampler.initNoiseSigma * z);
  const pixels = await sampler.run<Float32Array>(
    diffusion.model({ signal, onProgress: withinStep(onProgress, at) }),
    begin,
    {
      signal,
      combine: combineFloat32,
      clamp: clampFloat32,
      gaussian: () => generator.randn(elements),
      onStep({ x }) {
        const now = performance.now();
        stepMs.push(now - last);
        last = now;
        onProgress?.({ ...at(), previewLatents: async () => x.slice() });
      },
    },
  );
  signal?.throwIfAborted();
  if (!pixels.every(Number.isFinite))
    throw new PipelineError(
      "The picture is not made of finite numbers: the weights are damaged, or too large for this backend's precision. " +
        "Try full-precision files, or another backend.",
    );
  return {
    image: pixelPreview(pixels, diffusion),
    pixels,
    seed,
    timings: { loadMs: started - loading, stepMs, sampleMs: performance.now() - started },
    parameters: { steps, sampler: name, eta, seed, width, height },
  };
}

/** A picture of pixels [1 c h w], finished or not, in colour or grey. */
export function pixelPreview(
  pixels: Float32Array,
  { width, height, channels }: Pick<PixelDiffusion, "width" | "height" | "channels">,
): Image {
  if (channels === 3) return imageFromTensor(pixels, width, height);
  if (channels !== 1)
    throw new PipelineError(`Pictures of ${channels} channels cannot be shown: 3 are colour, 1 is grey.`);
  const planes = new Float32Array(3 * width * height);
  for (const c of [0, 1, 2]) planes.set(pixels, c * width * height);
  return imageFromTensor(planes, width, height);
}
