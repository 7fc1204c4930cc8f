import { generate, type GenerateOptions, type Result } from "./generate.ts";
import { imageToTensor, type Image } from "./image.ts";
import { PipelineError } from "./PipelineError.ts";
import type { StableDiffusion } from "./stableDiffusion.ts";

export interface ImageToImageOptions extends GenerateOptions {
  /** What to begin with. Its size is the result's; see `resizeImage`. */
  readonly image: Image;
  /** How much is redone, above 0 to 1: ⌊steps · strength⌋ steps are taken. Default 0.8. */
  readonly strength?: number;
}

/**
 * A picture and a prompt become a picture (SDEdit, Meng et al. 2022): the picture is encoded, given the noise of the step
 * that `strength` begins at, and denoised from there.
 *
 * Random numbers are drawn as diffusers 0.24 draws them (`StableDiffusionImg2ImgPipeline.prepare_latents`): first the
 * sample of the VAE's posterior, then the noise, from one generator.
 *
 * @throws {PipelineError} as `textToImage` does, and for a picture of another size than the one asked for
 */
export async function imageToImage(
  sd: StableDiffusion,
  { image, strength = 0.8, ...options }: ImageToImageOptions,
): Promise<Result> {
  const { width = image.width, height = image.height } = options;
  if (image.width !== width || image.height !== height) {
    throw new PipelineError(
      `The picture is ${image.width}×${image.height}, the result shall be ${width}×${height}. Resize it first (resizeImage).`,
    );
  }
  return generate(sd, { ...options, width, height, strength }, async ({ sampler, generator, signal }) => {
    const encoder = await sd.encoder({ width, height }, { signal });
    const moments = await (await encoder.run({ sample: imageToTensor(image) }, { signal })).moments.read();
    const [noising] = sampler.levels;
    const count = moments.length / 2;
    const posterior = generator.randn(count);
    const noise = generator.randn(count);
    return posterior.map((z, i) => {
      const deviation = Math.exp(0.5 * Math.min(20, Math.max(-30, moments[count + i])));
      return noising.x * sd.config.vae.scaling_factor * (moments[i] + deviation * z) + noising.noise * noise[i];
    });
  });
}
