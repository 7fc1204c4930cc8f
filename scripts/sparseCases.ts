import type { Graph } from "@tessera/kernels";
import {
  componentGraph,
  compressedGaugan,
  ddpmConfigs,
  ddpmGraph,
  gauganConfigs,
  gauganGraph,
  mobileDiffusion,
  mobileDiffusionGraph,
  mobileDiffusionVae,
  progressiveDistillationConfigs,
  progressiveDistillationGraph,
  sd15,
} from "@tessera/models";
import type { Mask, PyramidOptions, SparsifyOptions } from "@tessera/sparse";

/** A network at its real size, how it is computed by blocks, and the pictures that its masks belong to. */
export interface Case {
  graph(): Graph;
  readonly options: SparsifyOptions;
  readonly pyramid: PyramidOptions;
  readonly height: number;
  readonly width: number;
}

const pixels = (graph: () => Graph, resolution: number, size: number): Case => ({
  graph,
  options: { edited: ["sample"], resolution, always: (path) => path.endsWith("upsample.conv") },
  pyramid: { minimum: 8, dilation: 1 },
  height: size,
  width: size,
});
const gaugan = (graph: () => Graph, resolution: number): Case => ({
  graph,
  options: { edited: ["segmentation"], resolution },
  pyramid: { minimum: [4, 8], dilation: 2 },
  height: 256,
  width: 512,
});
const latent = (graph: () => Graph, edited: string, dilation: number, size = 512): Case => ({
  graph,
  options: { edited: [edited], resolution: 8 },
  pyramid: { minimum: 4, dilation },
  height: size,
  width: size,
});

/**
 * The networks, with the settings of SIGE's paper; but the convolutions that it leaves whole at the full resolution, the
 * first and the last, are computed by blocks too.
 */
export const cases: Readonly<Record<string, Case>> = {
  "ddpm-church256": pixels(() => ddpmGraph(ddpmConfigs.church256), 64, 256),
  "pd-church128": pixels(() => progressiveDistillationGraph(progressiveDistillationConfigs.church128), 32, 128),
  "pd-church256": pixels(() => progressiveDistillationGraph(progressiveDistillationConfigs.church256), 32, 256),
  gaugan: gaugan(() => gauganGraph(gauganConfigs.cityscapes), 16),
  "gan-compression": gaugan(() => gauganGraph(compressedGaugan("32_32_32_48_32_24_24_32")), 32),
  "sd15-unet": latent(() => componentGraph({ component: "unet", config: sd15.unet }), "sample", 1),
  "sd15-vae-encoder": latent(() => componentGraph({ component: "vae_encoder", config: sd15.vae }), "sample", 1),
  "sd15-vae-decoder": latent(() => componentGraph({ component: "vae_decoder", config: sd15.vae }), "latents", 0),
  "mobilediffusion-unet": latent(() => mobileDiffusionGraph(mobileDiffusion), "sample", 1),
  "mobilediffusion-vae-decoder": latent(
    () => componentGraph({ component: "vae_decoder", config: mobileDiffusionVae.decoder }),
    "latents",
    0,
  ),
};

const little = { height: 32, width: 32 };
/** For devices that are slow at 512×512: pictures of 256×256. */
export const smaller: Readonly<Record<string, Case>> = {
  "sd15-unet@256": latent(() => componentGraph({ component: "unet", config: sd15.unet }, little), "sample", 1, 256),
  "sd15-vae-decoder@256": latent(
    () => componentGraph({ component: "vae_decoder", config: sd15.vae }, little),
    "latents",
    0,
    256,
  ),
};

/** Shares of a picture that the counts are for. */
export const shares = [0.0025, 0.005, 0.012, 0.025, 0.05, 0.1, 0.155, 0.25, 0.4, 0.6, 1];

/** A square of a share of the picture, off the middle. */
export function square({ height, width }: Pick<Case, "height" | "width">, share: number): Mask {
  const side = Math.max(1, Math.round(Math.sqrt(share * height * width)));
  const [top, left] = share === 1 ? [0, 0] : [Math.floor((height - side) * 0.4), Math.floor((width - side) * 0.6)];
  const data = new Uint8Array(height * width).fill(share === 1 ? 1 : 0);
  for (let i = Math.max(0, top); i < Math.min(height, top + side); i++)
    data.fill(1, i * width + Math.max(0, left), i * width + Math.min(width, left + side));
  return { height, width, data };
}
