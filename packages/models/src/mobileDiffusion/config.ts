import * as v from "valibot";
import { ConfigError, parseConfig, whole } from "../parseConfig.ts";
import { parseVaeConfig, type VaeConfig } from "../sd15/config.ts";

const counts = v.array(v.pipe(v.number(), v.integer(), v.minValue(0)));

const Schema = v.object({
  sample_size: v.optional(whole, 64),
  in_channels: v.optional(whole, 8),
  out_channels: v.optional(whole, 8),
  /** Channels of each level, outermost first. */
  block_out_channels: v.optional(v.array(whole), [320, 640, 1024]),
  /** Transformers after each residual block on the way down, level by level: the lengths are the numbers of blocks. */
  down_transformers: v.optional(v.array(counts), [[0], [1], [2, 2]]),
  /** In the middle, after its one residual block. */
  mid_transformers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 5),
  /** On the way up, innermost level first; one residual block more than on the way down. */
  up_transformers: v.optional(v.array(counts), [
    [2, 2, 2],
    [1, 1],
    [0, 0],
  ]),
  /** Which levels' transformers look at the picture, and which at the text. */
  self_attention: v.optional(v.array(v.boolean()), [false, false, true]),
  cross_attention: v.optional(v.array(v.boolean()), [false, true, true]),
  num_attention_heads: v.optional(whole, 8),
  /** "relu" is what runs on devices; "softmax" is what it is trained as before. */
  attention_kind: v.optional(v.picklist(["relu", "softmax"]), "relu"),
  /** Self-attention's keys and values are one projection. */
  shared_kv: v.optional(v.boolean(), true),
  cross_attention_dim: v.optional(whole, 768),
  /** Width of the feed-forward's first layer, in channels of the level; halves of it gate each other if `gated`. */
  ff_ratio: v.optional(whole, 6),
  ff_gated: v.optional(v.boolean(), true),
  ff_activation: v.optional(v.picklist(["silu", "gelu"]), "silu"),
  /** A 1×1 convolution before and after each transformer. */
  transformer_projections: v.optional(v.boolean(), true),
  /** Which levels' residual blocks convolve separably. */
  separable: v.optional(v.array(v.boolean()), [false, false, true]),
  norm_num_groups: v.optional(whole, 32),
  norm_eps: v.optional(v.number(), 1e-5),
});

/**
 * The choices that MobileDiffusion (Zhao et al. 2024, arXiv 2311.16567) leaves or that its text only names. The paper
 * prints no table of layers. The defaults are a reconstruction that agrees with what it does print: channels
 * 320/640/1024, 12 residual blocks and 15 self- and 18 cross-attentions, no transformer at 64×64, cross-attention alone at
 * 32×32, both at 16×16, one projection for keys and values, a feed-forward ratio of 6 with swish, separable convolutions
 * inside, 8 latent channels; and with its sums: 386.3 M parameters of 386 M, 184.8 G multiply-adds of 182 G. MobileDiffusion-Lite
 * (320/640/896, 12 + 15): 272.8 M of 278 M, 154.2 G of 153 G.
 */
export type MobileDiffusionConfig = v.InferOutput<typeof Schema>;

/** Reads a config; fields that are absent take MobileDiffusion's. */
export function parseMobileDiffusionConfig(json: unknown = {}): MobileDiffusionConfig {
  const config = parseConfig("MobileDiffusion", Schema, json);
  const levels = config.block_out_channels.length;
  const must = (field: keyof MobileDiffusionConfig, found: number, expected: number, what: string) => {
    if (found === expected) return;
    throw new ConfigError(`MobileDiffusion config.json: ${field} has ${found} entries${what}, expected ${expected}.`);
  };
  const lists = ["down_transformers", "up_transformers", "self_attention", "cross_attention", "separable"] as const;
  for (const field of lists) must(field, config[field].length, levels, "");
  config.up_transformers.forEach((level, i) => {
    const down = config.down_transformers[levels - 1 - i].length;
    must("up_transformers", level.length, down + 1, ` for level ${levels - 1 - i}`);
  });
  return config;
}

/** MobileDiffusion and MobileDiffusion-Lite, reconstructed: see `MobileDiffusionConfig`. */
export const mobileDiffusion: MobileDiffusionConfig = parseMobileDiffusionConfig();
export const mobileDiffusionLite: MobileDiffusionConfig = parseMobileDiffusionConfig({
  block_out_channels: [320, 640, 896],
  down_transformers: [[0], [1], [1, 2]],
  mid_transformers: 4,
  up_transformers: [
    [1, 2, 2],
    [1, 1],
    [0, 0],
  ],
});

const vae = (block_out_channels: number[], layers_per_block: number) =>
  parseVaeConfig({
    latent_channels: 8,
    block_out_channels,
    layers_per_block,
    down_block_types: Array(4).fill("DownEncoderBlock2D"),
    up_block_types: Array(4).fill("UpDecoderBlock2D"),
  });

/**
 * MobileDiffusion's autoencoder, of 8 channels: Stable Diffusion's encoder, and two lighter decoders, whose layers the paper
 * does not print either. Reconstructed with two residual blocks a level instead of three, 38.6 M parameters of the paper's
 * 39.3 M, and that at half the width, 9.7 M of 9.8 M. `scaling_factor` is not published; Stable Diffusion's stands there.
 */
export const mobileDiffusionVae: {
  readonly encoder: VaeConfig;
  readonly decoder: VaeConfig;
  readonly liteDecoder: VaeConfig;
} = {
  encoder: vae([128, 256, 512, 512], 2),
  decoder: vae([128, 256, 512, 512], 1),
  liteDecoder: vae([64, 128, 256, 256], 1),
};
