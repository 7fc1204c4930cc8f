import type { PaperFigure } from "./run.ts";

export interface Paper {
  readonly title: string;
  readonly authors: string;
  readonly year: number;
  readonly arXiv?: string;
  /** How tables cite it. */
  readonly cite: string;
}

/** The papers whose tables are redone. */
export const papers = {
  speed: {
    title: "Speed Is All You Need: On-Device Acceleration of Large Diffusion Models via GPU-Aware Optimizations",
    authors: "Chen, Sarokin, Lee, Tang, Chang, Kulik, Grundmann",
    year: 2023,
    arXiv: "2304.11267",
    cite: "Chen et al. 2023",
  },
  sige: {
    title: "Efficient Spatially Sparse Inference for Conditional GANs and Diffusion Models",
    authors: "Li, Lin, Meng, Ermon, Han, Zhu",
    year: 2022,
    arXiv: "2211.02048",
    cite: "Li et al. 2022",
  },
  mobileDiffusion: {
    title: "MobileDiffusion: Instant Text-to-Image Generation on Mobile Devices",
    authors: "Zhao, Xu, Xiao, Jia, Hou",
    year: 2024,
    arXiv: "2311.16567",
    cite: "Zhao et al. 2024",
  },
  snapFusion: {
    title: "SnapFusion: Text-to-Image Diffusion Model on Mobile Devices within Two Seconds",
    authors: "Li, Wang, Jin, Hu, Chemerys, Fu, Wang, Tulyakov, Ren",
    year: 2023,
    arXiv: "2306.00980",
    cite: "Li et al. 2023 (SnapFusion)",
  },
  ganCompression: {
    title: "GAN Compression: Efficient Architectures for Interactive Conditional GANs",
    authors: "Li, Lin, Ding, Liu, Zhu, Han",
    year: 2020,
    arXiv: "2003.08936",
    cite: "Li et al. 2020 (GAN Compression)",
  },
  ddim: {
    title: "Denoising Diffusion Implicit Models",
    authors: "Song, Meng, Ermon",
    year: 2021,
    arXiv: "2010.02502",
    cite: "Song et al. 2021",
  },
} as const satisfies Record<string, Paper>;

type Certainty = PaperFigure["certainty"];

/** Figures of one place in a paper: `of(value, unit)`, with another certainty where it differs. */
const place =
  (paper: Paper, where: string, usual: Certainty) =>
  (value: number, unit: string, certainty: Certainty = usual): PaperFigure => ({
    value,
    unit,
    source: `${paper.cite}, ${where}`,
    certainty,
  });

const { speed, sige, mobileDiffusion, snapFusion, ganCompression } = papers;
const speedTable1 = place(speed, "Table 1", "memory");
const speedTable2 = place(speed, "Table 2", "memory");
const speedAbstract = place(speed, "abstract", "text");
const sigeFigure = place(sige, "figures of results by edit size", "figure");
const sigeTable1 = place(sige, "Table 1", "memory");
const sigeCode = place(sige, "released code, counted with its masks and block sizes", "code");
const sigeStable = place(sige, "released code, table of Stable Diffusion", "text");
const mdTable1 = place(mobileDiffusion, "Table 1", "memory");
const mdNotes = place(mobileDiffusion, "ablations of the first version", "notes");
const mdDevices = place(mobileDiffusion, "table of on-device latency, iPhone 15 Pro", "memory");
const mdDecoders = place(mobileDiffusion, "table of decoders", "memory");
const snapTable1 = place(snapFusion, "Table 1, iPhone 14 Pro", "text");
const ganTable = place(ganCompression, "table of released models", "text");

/** One row of Chen et al.'s Table 1: against a direct convolution. */
const winograd = (multiplications: number, intermediates: number, weights: number) => ({
  multiplications: speedTable1(multiplications, "×"),
  intermediates: speedTable1(intermediates, "×"),
  weights: speedTable1(weights, "×"),
});

/** A UNet of Zhao et al.'s Table 1. */
const unet = (parameters: number, macs: number, ms: number, certainty?: Certainty) => ({
  parameters: mdTable1(parameters, "M", certainty),
  /** The paper says GFLOPs and counts multiply-adds. */
  macs: mdTable1(macs, "GMAC"),
  latency: mdTable1(ms, "ms"),
});

/** What papers print, each with its place and how surely it is known. Edits are in percent of the picture. */
export const paperFigures = {
  speed: {
    /** By output tile. */
    table1: {
      2: winograd(2.25, 4, 1.77),
      4: winograd(4, 2.25, 4),
      6: winograd(5.06, 1.8, 7.12),
      8: winograd(5.76, 1.56, 11.1),
    },
    table2: {
      baseline: {
        tensors: speedTable2(262, "MiB"),
        weights: speedTable2(1640, "MiB"),
        s23: speedTable2(1071, "ms"),
        iPhone14ProMax: speedTable2(880, "ms"),
      },
      all: {
        tensors: speedTable2(84, "MiB"),
        weights: speedTable2(2093, "MiB", "text"),
        s23: speedTable2(512, "ms"),
        iPhone14ProMax: speedTable2(590, "ms"),
      },
      reduction: { s23: speedAbstract(52.2, "%"), iPhone14ProMax: speedAbstract(32.9, "%") },
    },
  },
  sige: {
    /** Whole networks. */
    macs: {
      "ddpm-church-256": sigeFigure(249, "GMAC"),
      "pd-church-128": sigeFigure(66.9, "GMAC"),
      "pd-church-256": sigeFigure(119, "GMAC"),
      "gaugan-cityscapes": sigeFigure(281, "GMAC"),
      "gan-compression": sigeFigure(31.2, "GMAC"),
      "gaugan-0.19": sigeTable1(13.3, "GMAC"),
      "sd14-unet": sigeStable(1854.8, "GMAC"),
      "sd14-vae-encoder": sigeStable(1152.1, "GMAC"),
      "sd14-vae-decoder": sigeStable(2550.8, "GMAC"),
    },
    /** By edit. */
    sparseMacs: {
      "ddpm-church-256": {
        1.2: sigeFigure(33.4, "GMAC"),
        7.19: sigeFigure(51.8, "GMAC"),
        15.5: sigeFigure(78.9, "GMAC"),
      },
      "pd-church-128": {
        1.2: sigeFigure(24.5, "GMAC"),
        7.19: sigeFigure(29.4, "GMAC"),
        15.5: sigeFigure(37.6, "GMAC"),
      },
      "pd-church-256": { 1.2: sigeFigure(25.9, "GMAC"), 15.5: sigeFigure(48.5, "GMAC", "memory") },
      "gaugan-cityscapes": { 1.18: sigeFigure(15.3, "GMAC"), 13.5: sigeFigure(69.8, "GMAC") },
      "gan-compression": { 1.18: sigeFigure(5.59, "GMAC"), 13.5: sigeFigure(10.8, "GMAC") },
      "sd14-unet": { 1.7: sigeStable(224.9, "GMAC"), 2.9: sigeStable(352.6, "GMAC"), 11.6: sigeStable(514.5, "GMAC") },
      "sd14-vae-encoder": { 1.7: sigeStable(39.2, "GMAC"), 2.9: sigeStable(76.3, "GMAC") },
      "sd14-vae-decoder": {
        1.7: sigeStable(154.2, "GMAC"),
        2.9: sigeStable(318.3, "GMAC"),
        11.6: sigeStable(343.5, "GMAC"),
      },
    },
    /** Speed-ups, whole over sparse: M1 Pro's processor, and an RTX 3090. */
    speedups: {
      "ddpm-church-256": { 1.2: { cpu: sigeFigure(6.6, "×"), gpu: sigeFigure(3, "×") } },
      "pd-church-256": { 1.2: { cpu: sigeFigure(4, "×"), gpu: sigeFigure(1.9, "×") } },
      "gaugan-cityscapes": { 1.18: { cpu: sigeFigure(14, "×"), gpu: sigeFigure(4.1, "×") } },
      /** Over the original GauGAN. */
      "gan-compression": { 1.18: { cpu: sigeFigure(38, "×"), gpu: sigeFigure(4.2, "×") } },
    },
    /** PSNR to the whole network's result, means over the data set, and multiply-adds. */
    fidelity: {
      ddpm: {
        ours: sigeTable1(52.4, "dB"),
        patch: sigeTable1(40.6, "dB"),
        pruned: sigeTable1(28.5, "dB"),
        oursMacs: sigeTable1(3.8, "×"),
        patchMacs: sigeTable1(3.5, "×"),
        prunedMacs: sigeTable1(1.6, "×"),
      },
    },
    /** What is kept of the original, float32, batch 1. */
    cache: { "ddpm-church-256": sigeCode(641.5, "MiB"), "gaugan-cityscapes": sigeCode(1047.5, "MiB") },
  },
  mobileDiffusion: {
    table1: {
      sd15: unet(862, 392, 21.7),
      snapFusion: unet(848, 285, 15),
      mobileDiffusion: unet(386, 182, 9.9, "text"),
      mobileDiffusionLite: unet(278, 153, 8.6),
    },
    /** What each step of the design is said to bring, in percent. */
    steps: {
      transformersInward: { efficiency: mdNotes(26, "%") },
      noOuterSelfAttention: { efficiency: mdNotes(15, "%") },
      sharedKeysAndValues: { parameters: mdNotes(5, "%") },
      narrowFeedForward: { parameters: mdNotes(10, "%") },
      separable: { parameters: mdNotes(10, "%") },
      fewerResidualBlocks: { efficiency: mdNotes(19, "%"), parameters: mdNotes(15, "%") },
    },
    textEncoder: place(mobileDiffusion, "as given in BlazeEdit's table", "text")(123.06, "M"),
    decoders: {
      sd: mdDecoders(49.5, "M"),
      ours: mdDecoders(39.3, "M"),
      lite: mdDecoders(9.8, "M", "text"),
    },
    /** iPhone 15 Pro. `total` is of the steps as printed. */
    devices: {
      "sd-1.5": {
        textEncoder: mdDevices(4, "ms"),
        decoder: mdDevices(285, "ms"),
        unet: mdDevices(636, "ms"),
        totals: { 8: mdDevices(5377, "ms"), 1: mdDevices(925, "ms") } as Record<number, PaperFigure>,
      },
      snapfusion: {
        textEncoder: mdDevices(4, "ms", "text"),
        decoder: mdDevices(116, "ms", "text"),
        unet: mdDevices(230, "ms", "text"),
        totals: { 8: mdDevices(1960, "ms") } as Record<number, PaperFigure>,
      },
      mobilediffusion: {
        textEncoder: mdDevices(4, "ms"),
        decoder: mdDevices(92, "ms"),
        unet: mdDevices(142, "ms"),
        totals: { 8: mdDevices(1232, "ms"), 1: mdDevices(238, "ms") } as Record<number, PaperFigure>,
      },
    },
  },
  snapFusion: {
    sd15: {
      textEncoderParameters: snapTable1(123, "M"),
      unetParameters: snapTable1(860, "M"),
      decoderParameters: snapTable1(50, "M"),
      textEncoder: snapTable1(4, "ms"),
      unet: snapTable1(1700, "ms"),
      decoder: snapTable1(369, "ms"),
    },
    snapFusion: {
      unetParameters: snapTable1(848, "M"),
      decoderParameters: snapTable1(13, "M"),
      textEncoder: snapTable1(4, "ms"),
      unet: snapTable1(230, "ms"),
      decoder: snapTable1(116, "ms"),
    },
  },
  ganCompression: {
    "gaugan-cityscapes": { parameters: ganTable(93, "M"), macs: ganTable(281, "GMAC") },
    "gaugan-coco": { parameters: ganTable(97.5, "M"), macs: ganTable(191, "GMAC") },
    /** Found by evolution, "fast". */
    "32_32_32_48_32_24_24_32": { parameters: ganTable(20.2, "M"), macs: ganTable(31.3, "GMAC") },
    "32_40_40_32_40_24_32_24": { parameters: ganTable(21, "M"), macs: ganTable(31.2, "GMAC") },
    "32_32_48_32_32_32_32_24": { parameters: ganTable(20.4, "M"), macs: ganTable(31.7, "GMAC") },
  },
} as const;
