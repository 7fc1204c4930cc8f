import { encodeImage } from "./encodeImage.ts";
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
  return generate(sd, { ...options, width, height, strength }, async ({ sampler, generator, watch }) => {
    const original = await encodeImage(sd, imageToTensor(image), { width, height, generator, watch });
    const noise = generator.randn(original.length);
    const [level] = sampler.levels;
    return { latents: original.map((x, i) => level.x * x + level.noise * noise[i]) };
  });
}
