import type { RunOptions } from "@tessera/kernels";
import type { Generator } from "@tessera/sampling";
import type { StableDiffusion } from "./stableDiffusion.ts";

/** What the encoder needs to know. */
export interface EncodeOptions {
  readonly width: number;
  readonly height: number;
  /** Where the posterior's noise comes from. */
  readonly generator: Generator;
  readonly watch: RunOptions;
}

/** Planes [3 h w] in −1 … 1 → a sample of the VAE's posterior, scaled as the UNet takes it. */
export async function encodeImage(
  sd: StableDiffusion,
  planes: Float32Array,
  { generator, watch, ...size }: EncodeOptions,
): Promise<Float32Array> {
  const encoder = await sd.encoder(size, { signal: watch.signal });
  const moments = await (await encoder.run({ sample: planes }, watch)).moments.read();
  const count = moments.length / 2;
  return generator.randn(count).map((z, i) => {
    const deviation = Math.exp(0.5 * Math.min(20, Math.max(-30, moments[count + i])));
    return sd.config.vae.scaling_factor * (moments[i] + deviation * z);
  });
}
