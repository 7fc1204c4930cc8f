import type { Graph } from "@tessera/kernels";
import { architecture } from "@tessera/models";
import type { Mask, PyramidOptions, SparsifyOptions } from "@tessera/sparse";

/** Of a picture, in pixels. */
export type PictureSize = Pick<Mask, "height" | "width">;

/** A network for pictures of a size, and how edits of it are computed by blocks. */
export interface EditNetwork extends PictureSize {
  graph(picture: PictureSize): Graph;
  readonly options: SparsifyOptions;
  readonly pyramid: PyramidOptions;
  /** What is otherwise under Li et al.'s settings, if it is a network of theirs. */
  readonly paper?: PaperSettings;
}

/** The settings under which the counts published by Li et al. 2022 come out. */
interface PaperSettings extends Partial<PictureSize & Pick<EditNetwork, "pyramid">>, Pick<SparsifyOptions, "dense"> {
  /** As it is called in figures. */
  readonly model: string;
  /** Evaluations that the paper counts as one; default 1. */
  readonly times?: number;
  /** Edits in percent of the picture, once the mask has grown; and by how many pixels this network's grows further. */
  readonly edits: readonly { readonly percent: number; readonly further?: number }[];
}

/** The graph of an architecture's part, a side of whose input is `factor` times smaller than the picture's. */
const graphOf =
  (model: string, part: string, factor = 1) =>
  ({ height, width }: PictureSize): Graph =>
    architecture(model)![part].graph({ height: height / factor, width: width / factor });

const church = (model: string, side: number, resolution: number): EditNetwork => ({
  graph: graphOf(model, "unet"),
  options: { edited: ["sample"], resolution, always: (path) => path.endsWith("upsample.conv") },
  pyramid: { minimum: 8, dilation: 1 },
  height: side,
  width: side,
  paper: {
    model,
    dense: (path) => /^(conv_in|norm_out|conv_out)$/.test(path),
    // The released code grows masks by 1 from a threshold of 0.3; its published church counts come out with these.
    pyramid: { minimum: 8, dilation: 2, threshold: 0 },
    edits: [{ percent: 1.2 }, { percent: 7.19 }, { percent: 15.5 }],
  },
});

const gaugan = (model: string, name: string, resolution: number): EditNetwork => ({
  graph: graphOf(name, "generator"),
  options: { edited: ["segmentation"], resolution },
  pyramid: { minimum: [4, 8], dilation: 2 },
  height: 256,
  width: 512,
  paper: {
    model,
    dense: (path) => path === "conv_img",
    edits: [{ percent: 1.18 }, { percent: 7.2 }, { percent: 13.5 }],
  },
});

const latent = (model: string, part: string, paper?: PaperSettings): EditNetwork => ({
  graph: graphOf(model, part, part === "vae_encoder" ? 1 : 8),
  options: { edited: [part === "vae_decoder" ? "latents" : "sample"], resolution: 8 },
  pyramid: { minimum: 4, dilation: part === "vae_decoder" ? 0 : 1 },
  height: 512,
  width: 512,
  paper,
});

/** The pictures of the paper's edits with Stable Diffusion. */
const wide = { height: 512, width: 1024 };

/**
 * The networks at their real sizes, with the settings of Li et al. 2022; but the convolutions that they leave whole at the
 * full resolution, the first and the last, are computed by blocks too.
 */
export const editNetworks: Readonly<Record<string, EditNetwork>> = {
  "ddpm-church-256": church("ddpm-church-256", 256, 64),
  "pd-church-128": church("pd-church-128", 128, 32),
  "pd-church-256": church("pd-church-256", 256, 32),
  "gaugan-cityscapes": gaugan("gaugan-cityscapes", "gaugan-cityscapes", 16),
  "gan-compression": gaugan("gan-compression", "gaugan-compressed:32_32_32_48_32_24_24_32", 32),
  "sd15-unet": latent("sd15", "unet", {
    model: "sd14-unet",
    ...wide,
    times: 2,
    edits: [{ percent: 1.7 }, { percent: 2.9 }, { percent: 11.6 }],
  }),
  "sd15-vae-encoder": latent("sd15", "vae_encoder", {
    model: "sd14-vae-encoder",
    ...wide,
    edits: [{ percent: 1.7 }, { percent: 2.9 }],
  }),
  "sd15-vae-decoder": latent("sd15", "vae_decoder", {
    model: "sd14-vae-decoder",
    ...wide,
    edits: [{ percent: 1.7, further: 40 }, { percent: 2.9, further: 40 }, { percent: 11.6 }],
  }),
  "mobilediffusion-unet": latent("mobilediffusion", "unet"),
  "mobilediffusion-vae-decoder": latent("mobilediffusion", "vae_decoder"),
};

export type PaperNetwork = EditNetwork & PaperSettings;

/** Those whose edits the paper counts, under its settings. */
export const paperNetworks: readonly PaperNetwork[] = Object.values(editNetworks).flatMap(({ paper, ...ours }) =>
  paper ? [{ ...ours, ...paper, options: { ...ours.options, dense: paper.dense } }] : [],
);
