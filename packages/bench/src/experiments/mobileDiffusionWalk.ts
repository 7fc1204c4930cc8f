import type { Graph } from "@tessera/kernels";
import {
  componentGraph,
  mobileDiffusionGraph,
  parseMobileDiffusionConfig,
  sd15,
  type MobileDiffusionConfig,
} from "@tessera/models";

/** A step of the design, and the network that it leads to. */
export interface Step {
  readonly title: string;
  graph(): Graph;
}

const outward = {
  ff_ratio: 8,
  ff_activation: "gelu",
  attention_kind: "softmax",
  shared_kv: false,
  self_attention: [false, true, true],
  separable: [false, false, false],
  down_transformers: [
    [0, 0],
    [1, 1],
    [2, 2],
  ],
  up_transformers: [
    [2, 2, 2],
    [1, 1, 1],
    [0, 0, 0],
  ],
} as const;

/** What changes at each step, in the order of the paper's section on the architecture. */
const changes: readonly (readonly [title: string, change: object])[] = [
  ["transformers moved inward, 1280 → 1024 channels, three levels", outward],
  ["no self-attention at 32×32", { self_attention: [false, false, true] }],
  ["one projection for keys and values", { shared_kv: true }],
  ["swish for GELU, ReLU for softmax", { ff_activation: "silu", attention_kind: "relu" }],
  ["feed-forward of 6 for 8", { ff_ratio: 6 }],
  ["separable convolutions inside", { separable: [false, false, true] }],
  [
    "fewer residual blocks: MobileDiffusion",
    {
      down_transformers: [[0], [1], [2, 2]],
      up_transformers: [
        [2, 2, 2],
        [1, 1],
        [0, 0],
      ],
    },
  ],
];

/**
 * The way from Stable Diffusion 1.5's UNet to MobileDiffusion's (Zhao et al. 2024), each step on top of the last. Only the
 * ends are pinned by what the paper prints; what is between follows its words.
 */
export const walk: readonly Step[] = [
  { title: "Stable Diffusion 1.5", graph: () => componentGraph({ component: "unet", config: sd15.unet }) },
  ...changes.map(([title], i) => ({
    title,
    graph: () => mobileDiffusionGraph(configAt(i)),
  })),
];

const configAt = (last: number): MobileDiffusionConfig =>
  parseMobileDiffusionConfig(Object.assign({}, ...changes.slice(0, last + 1).map(([, change]) => change)));

/** A decoder as large as SnapFusion's: Stable Diffusion's at half the width, 12.4 M parameters of 13 M. */
export const snapFusionSizedDecoder = (): Graph =>
  componentGraph({
    component: "vae_decoder",
    config: { ...sd15.vae, block_out_channels: sd15.vae.block_out_channels.map((width) => width / 2) },
  });

/**
 * A UNet as large as SnapFusion's and with as many blocks, in Stable Diffusion's widths: it prints 848 M parameters,
 * 14 transformers and 18 residual blocks; this has 834 M, 14 and 17. Not its layers, which are not known here.
 */
export const snapFusionSized = (): Graph =>
  mobileDiffusionGraph(
    parseMobileDiffusionConfig({
      ...outward,
      in_channels: 4,
      out_channels: 4,
      block_out_channels: [320, 640, 1280, 1280],
      self_attention: [false, true, true, true],
      cross_attention: [false, true, true, true],
      separable: [false, false, false, false],
      down_transformers: [[0], [1, 1], [1, 1], [1]],
      mid_transformers: 1,
      up_transformers: [
        [1, 1],
        [1, 1, 1],
        [1, 1, 1],
        [0, 0],
      ],
    }),
  );
