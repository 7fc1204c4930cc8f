import { compile, type Backend } from "@tessera/kernels";
import { tinyDecoderGraph, tinyDecoderNames } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { imageFromTensor, type Image } from "./image.ts";

/** A preview that is a picture in full size, for latents of one size. */
export interface TinyPreview {
  /** Latents [1 4 h w], as `previewLatents()` reads them. */
  draw(latents: Float32Array): Promise<Image>;
  dispose(): void;
}

/**
 * TAESD on a device: from diffusers' AutoencoderTiny file or `taesd_decoder.safetensors`, for pictures of the given size in pixels.
 *
 * @throws {WeightError} for other files
 */
export async function tinyPreview(
  backend: Backend,
  source: WeightSource,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<TinyPreview> {
  const graph = tinyDecoderGraph({ width: width / 8, height: height / 8 });
  const program = await compile(graph, backend, { weights: tinyDecoderNames(source) });
  return {
    draw: async (latents) => imageFromTensor(await (await program.run({ latents })).sample.read(), width, height),
    dispose: () => program.dispose(),
  };
}
