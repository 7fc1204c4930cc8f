import type { Graph } from "@tessera/kernels";
import {
  componentGraph,
  compressedGaugan,
  ddpmConfigs,
  ddpmGraph,
  gauganConfigs,
  gauganGraph,
  progressiveDistillationConfigs,
  progressiveDistillationGraph,
  sd15,
} from "@tessera/models";
import {
  dilate,
  maskPyramid,
  type Mask,
  type MaskPyramid,
  type PyramidOptions,
  type SparsifyOptions,
} from "@tessera/sparse";

/** A network of Li et al. 2022, with the settings under which its published counts come out. */
export interface SparseNetwork {
  /** As it is called in figures. */
  readonly model: string;
  graph(): Graph;
  readonly options: SparsifyOptions;
  readonly pyramid: PyramidOptions;
  /** Of the masks that belong to it. */
  readonly height: number;
  readonly width: number;
  /** Evaluations that the paper counts as one; default 1. */
  readonly times?: number;
  /** Edits in percent of the picture, once the mask has grown; and by how many pixels this network's grows further. */
  readonly edits: readonly { readonly percent: number; readonly further?: number }[];
}

/** Of the family on pixels: the first and last convolution stay whole. */
const outer = (path: string) => /^(conv_in|norm_out|conv_out)$/.test(path);
const church = [{ percent: 1.2 }, { percent: 7.19 }, { percent: 15.5 }];
/** The released code grows masks by 1 from a threshold of 0.3; its published church counts come out with these. */
const churchPyramid = { minimum: 8, dilation: 2, threshold: 0 };
const cityscapes = [{ percent: 1.18 }, { percent: 7.2 }, { percent: 13.5 }];

const distilled = (model: string, side: 128 | 256): SparseNetwork => ({
  model,
  graph: () => progressiveDistillationGraph(progressiveDistillationConfigs[`church${side}`]),
  options: { edited: ["sample"], resolution: 32, dense: outer },
  pyramid: churchPyramid,
  height: side,
  width: side,
  edits: church,
});

const gaugan = (model: string, config: Parameters<typeof gauganGraph>[0], resolution: number): SparseNetwork => ({
  model,
  graph: () => gauganGraph(config),
  options: { edited: ["segmentation"], resolution, dense: (path) => path === "conv_img" },
  pyramid: { minimum: [4, 8], dilation: 2 },
  height: 256,
  width: 512,
  edits: cityscapes,
});

/** The pictures of the paper's edits with Stable Diffusion. */
const wide = { height: 512, width: 1024 };
const latents = { height: 64, width: 128 };

/** Every network whose edits the paper counts. */
export const sparseNetworks: readonly SparseNetwork[] = [
  {
    model: "ddpm-church-256",
    graph: () => ddpmGraph(ddpmConfigs.church256),
    options: { edited: ["sample"], resolution: 64, always: (path) => path.endsWith("upsample.conv"), dense: outer },
    pyramid: churchPyramid,
    height: 256,
    width: 256,
    edits: church,
  },
  distilled("pd-church-128", 128),
  distilled("pd-church-256", 256),
  gaugan("gaugan-cityscapes", gauganConfigs.cityscapes, 16),
  gaugan("gan-compression", compressedGaugan("32_32_32_48_32_24_24_32"), 32),
  {
    model: "sd14-unet",
    graph: () => componentGraph({ component: "unet", config: sd15.unet }, latents),
    options: { edited: ["sample"], resolution: 8 },
    pyramid: { minimum: 4, dilation: 1 },
    ...wide,
    times: 2,
    edits: [{ percent: 1.7 }, { percent: 2.9 }, { percent: 11.6 }],
  },
  {
    model: "sd14-vae-encoder",
    graph: () => componentGraph({ component: "vae_encoder", config: sd15.vae }, wide),
    options: { edited: ["sample"], resolution: 8 },
    pyramid: { minimum: 4, dilation: 1 },
    ...wide,
    edits: [{ percent: 1.7 }, { percent: 2.9 }],
  },
  {
    model: "sd14-vae-decoder",
    graph: () => componentGraph({ component: "vae_decoder", config: sd15.vae }, latents),
    options: { edited: ["latents"], resolution: 8 },
    pyramid: { minimum: 4, dilation: 0 },
    ...wide,
    edits: [{ percent: 1.7, further: 40 }, { percent: 2.9, further: 40 }, { percent: 11.6 }],
  },
];

/** Edits of one size: in one piece, or in nine pieces that lie apart. */
export const shapes = { square: 1, scattered: 3 } as const;
export type Shape = keyof typeof shapes;

/** A mask of squares, `grid` each way, which cover a share of the picture together. */
export function squares({ height, width }: Pick<Mask, "height" | "width">, share: number, grid: number): Mask {
  const data = new Uint8Array(height * width);
  const side = Math.max(1, Math.round(Math.sqrt(share * height * width) / grid));
  // Off the middle, so that neither blocks nor the picture's halves fit by chance.
  const starts = (size: number) =>
    Array.from({ length: grid }, (_, i) => Math.floor(((i + (grid === 1 ? 0.43 : 0.5)) * size) / grid - side / 2));
  for (const top of starts(height))
    for (const left of starts(width))
      for (let i = Math.max(0, top); i < Math.min(height, top + side); i++)
        data.fill(1, i * width + Math.max(0, left), i * width + Math.min(width, left + side));
  return { height, width, data };
}

/** The masks of all sizes for an edit of this network. */
export function masksOf(
  network: SparseNetwork,
  { percent, further = 0 }: SparseNetwork["edits"][number],
  shape: Shape,
): MaskPyramid {
  const mask = squares(network, percent / 100, shapes[shape]);
  return maskPyramid(further ? dilate(mask, further) : mask, network.pyramid);
}
