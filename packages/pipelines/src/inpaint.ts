import { encodeImage } from "./encodeImage.ts";
import { generate, type GenerateOptions, type Latents, type Result } from "./generate.ts";
import { imageToTensor, type Image } from "./image.ts";
import { PipelineError } from "./PipelineError.ts";
import type { StableDiffusion } from "./stableDiffusion.ts";

export interface InpaintOptions extends GenerateOptions {
  /** The picture. Its size is the result's; see `resizeImage`. */
  readonly image: Image;
  /** What is redone: from mid grey to white (and where transparent); what is darker is kept. Of the picture's size. */
  readonly mask: Image;
  /** How much is redone where it is, above 0 to 1: ⌊steps · strength⌋ steps are taken. Default 1: from noise alone. */
  readonly strength?: number;
  /** Put the picture's own pixels back where it is kept, so that they are untouched; default true. */
  readonly paste?: boolean;
}

/**
 * Redoes a part of a picture. A model made for it (9 input channels: latents, mask, latents of what is kept) is told what
 * to keep; any other has it put back after each step, at that step's noise (diffusers' `StableDiffusionInpaintPipeline`,
 * the latter also RePaint, Lugmayr et al. 2022, without resampling). Random numbers are drawn in diffusers' order.
 *
 * A latent is redone if any of its pixels is: diffusers looks at one pixel of each latent only, and loses thin strokes.
 *
 * @throws {PipelineError} as `textToImage` does, and for a picture or a mask of another size than the one asked for
 */
export async function inpaint(
  sd: StableDiffusion,
  { image, mask, strength = 1, paste = true, ...options }: InpaintOptions,
): Promise<Result> {
  const { width = image.width, height = image.height } = options;
  for (const [what, given] of Object.entries({ picture: image, mask })) {
    if (given.width === width && given.height === height) continue;
    throw new PipelineError(
      `The ${what} is ${given.width}×${given.height}, the result shall be ${width}×${height}. Resize it first (resizeImage).`,
    );
  }
  const redone = redonePixels(mask);
  const settings = { ...options, width, height, strength, inpaint: true } as const;
  const result = await generate(sd, settings, async ({ shape, sampler, generator, watch }) => {
    const planes = imageToTensor(image);
    const encode = (chw: Float32Array) => encodeImage(sd, chw, { width, height, generator, watch });
    const latentMask = redoneLatents(redone, width, shape[3], sd.config.factor);
    const fromNoise = strength === 1;

    const original = sd.inpaints && fromNoise ? undefined : await encode(planes);
    const noise = generator.randn(shape.reduce((a, b) => a * b));
    const noised = ({ x, noise: share }: { x: number; noise: number }) =>
      original!.map((value, i) => x * value + share * noise[i]);
    const latents = fromNoise ? noise.map((z) => sampler.initNoiseSigma * z) : noised(sampler.levels[0]);
    if (sd.inpaints) {
      const kept = planes.map((value, i) => (redone[i % redone.length] ? 0 : value));
      return { latents, step: { mask: latentMask, masked_image_latents: await encode(kept) } };
    }
    const constrain = async (x: Latents, index: number): Promise<Latents> => {
      const last = index === sampler.steps.length - 1;
      const known = last ? original! : noised(sampler.levels[index + 1]);
      const blend = await sd.blend({ width, height }, { signal: watch.signal });
      return (await blend.run({ x, known, mask: latentMask }, { signal: watch.signal })).blended;
    };
    return { latents, constrain };
  });
  if (!paste) return result;
  const data = result.image.data.map((value, i) => (redone[i >> 2] || i % 4 === 3 ? value : image.data[i]));
  return { ...result, image: { width, height, data } };
}

/** For each pixel of a mask whether it is redone: grey of at least a half, over white. */
function redonePixels(mask: Image): Uint8Array {
  const planes = imageToTensor(mask);
  const count = planes.length / 3;
  const grey = (i: number) => 0.299 * planes[i] + 0.587 * planes[count + i] + 0.114 * planes[2 * count + i];
  return Uint8Array.from({ length: count }, (_, i) => (grey(i) >= 0 ? 1 : 0));
}

/** The mask of the latents [1 1 h w], 1 where any pixel of a latent is redone. */
function redoneLatents(redone: Uint8Array, width: number, latentWidth: number, factor: number): Float32Array {
  const mask = new Float32Array(redone.length / factor ** 2);
  for (const [i, value] of redone.entries()) {
    const row = Math.floor(i / width / factor);
    if (value) mask[row * latentWidth + Math.floor((i % width) / factor)] = 1;
  }
  return mask;
}
