import { generate, type GenerateOptions, type Result } from "./generate.ts";
import { PipelineError } from "./PipelineError.ts";
import type { StableDiffusion } from "./stableDiffusion.ts";

export interface TextToImageOptions extends GenerateOptions {
  /** The noise to begin with [1 c h w], instead of the seed's. */
  readonly latents?: Float32Array;
}

/**
 * A prompt becomes a picture: noise of the latents' shape, drawn as torch draws it, then denoised step by step towards
 * the prompt (Rombach et al. 2022) and decoded.
 *
 * @throws {PipelineError} for options that cannot be met; `UnknownCharacterError` for a prompt with one; the signal's
 *   reason when aborted
 */
export async function textToImage(sd: StableDiffusion, { latents, ...options }: TextToImageOptions): Promise<Result> {
  const { width = sd.config.width, height = sd.config.height } = options;
  const shape = sd.latentShape({ width, height });
  const elements = shape.reduce((a, b) => a * b);
  if (latents && latents.length !== elements) {
    throw new PipelineError(
      `latents has ${latents.length} numbers, but a picture of this size begins with ${elements} [${shape.join(" ")}].`,
    );
  }
  return generate(sd, options, async ({ sampler, generator }) => {
    return { latents: (latents ?? generator.randn(elements)).map((z) => sampler.initNoiseSigma * z) };
  });
}
