import * as v from "valibot";
import { absent, ConfigError, only, parseConfig, whole } from "../parseConfig.ts";

/** One number for all blocks, or one per block. */
const perBlock = v.union([whole, v.array(whole)]);

const ClipTextSchema = v.object({
  vocab_size: v.optional(whole, 49408),
  hidden_size: v.optional(whole, 512),
  intermediate_size: v.optional(whole, 2048),
  num_hidden_layers: v.optional(whole, 12),
  num_attention_heads: v.optional(whole, 8),
  max_position_embeddings: v.optional(whole, 77),
  hidden_act: v.optional(v.picklist(["quick_gelu", "gelu"]), "quick_gelu"),
  layer_norm_eps: v.optional(v.number(), 1e-5),
});

const UNetSchema = v.object({
  sample_size: v.optional(whole, 64),
  in_channels: v.optional(whole, 4),
  out_channels: v.optional(whole, 4),
  block_out_channels: v.optional(v.array(whole), [320, 640, 1280, 1280]),
  down_block_types: v.optional(v.array(v.picklist(["CrossAttnDownBlock2D", "DownBlock2D"])), [
    "CrossAttnDownBlock2D",
    "CrossAttnDownBlock2D",
    "CrossAttnDownBlock2D",
    "DownBlock2D",
  ]),
  mid_block_type: only("UNetMidBlock2DCrossAttn"),
  up_block_types: v.optional(v.array(v.picklist(["CrossAttnUpBlock2D", "UpBlock2D"])), [
    "UpBlock2D",
    "CrossAttnUpBlock2D",
    "CrossAttnUpBlock2D",
    "CrossAttnUpBlock2D",
  ]),
  layers_per_block: v.optional(whole, 2),
  cross_attention_dim: v.optional(whole, 1280),
  /** Despite its name the number of heads (diffusers keeps the old meaning for published checkpoints). */
  attention_head_dim: v.optional(perBlock, 8),
  num_attention_heads: v.optional(v.nullable(perBlock), null),
  use_linear_projection: v.optional(v.boolean(), false),
  norm_num_groups: v.optional(whole, 32),
  norm_eps: v.optional(v.number(), 1e-5),
  flip_sin_to_cos: v.optional(v.boolean(), true),
  freq_shift: v.optional(v.number(), 0),
  act_fn: only("silu"),
  downsample_padding: only(1),
  mid_block_scale_factor: only(1),
  center_input_sample: only(false),
  transformer_layers_per_block: only(1),
  only_cross_attention: only(false),
  dual_cross_attention: only(false),
  class_embed_type: absent,
  addition_embed_type: absent,
  time_cond_proj_dim: absent,
  resnet_time_scale_shift: only("default"),
});

const ControlNetSchema = v.object({
  /** Of the control picture. */
  conditioning_channels: v.optional(whole, 3),
  /** Widths of the hint encoder, which halves the picture between them. */
  conditioning_embedding_out_channels: v.optional(v.array(whole), [16, 32, 96, 256]),
  controlnet_conditioning_channel_order: only("rgb"),
  global_pool_conditions: only(false),
});

const VaeSchema = v.object({
  sample_size: v.optional(whole, 512),
  in_channels: v.optional(whole, 3),
  out_channels: v.optional(whole, 3),
  latent_channels: v.optional(whole, 4),
  block_out_channels: v.optional(v.array(whole), [64]),
  down_block_types: v.optional(v.array(v.literal("DownEncoderBlock2D")), ["DownEncoderBlock2D"]),
  up_block_types: v.optional(v.array(v.literal("UpDecoderBlock2D")), ["UpDecoderBlock2D"]),
  layers_per_block: v.optional(whole, 1),
  norm_num_groups: v.optional(whole, 32),
  scaling_factor: v.optional(v.number(), 0.18215),
  act_fn: only("silu"),
});

/** transformers' CLIPTextConfig: the fields that shape the network. */
export type ClipTextConfig = v.InferOutput<typeof ClipTextSchema>;
/** diffusers' UNet2DConditionModel config: the fields that Stable Diffusion 1.x and 2.x use. */
export type UNetConfig = v.InferOutput<typeof UNetSchema>;
/** diffusers' ControlNetModel config: those of the UNet that it steers, and the hint encoder's. */
export type ControlNetConfig = UNetConfig & v.InferOutput<typeof ControlNetSchema>;
/** diffusers' AutoencoderKL config. */
export type VaeConfig = v.InferOutput<typeof VaeSchema>;

/** Reads `text_encoder/config.json`; fields that are absent take transformers' defaults. */
export const parseClipTextConfig = (json: unknown): ClipTextConfig => parseConfig("text_encoder", ClipTextSchema, json);

/** Reads `unet/config.json`; fields that are absent take diffusers' defaults. */
export function parseUNetConfig(json: unknown): UNetConfig {
  const config = parseConfig("unet", UNetSchema, json);
  const blocks = config.block_out_channels.length;
  for (const field of ["down_block_types", "up_block_types"] as const)
    if (config[field].length !== blocks)
      throw new ConfigError(
        `unet config.json: ${field} has ${config[field].length} entries, block_out_channels ${blocks}.`,
      );
  return config;
}

/** Reads a ControlNet's `config.json`; fields that are absent take diffusers' defaults. A ControlNet has no way up. */
export function parseControlNetConfig(json: object): ControlNetConfig {
  const control = parseConfig("ControlNet", ControlNetSchema, json);
  const blocks = (json as Partial<UNetConfig>).block_out_channels?.length ?? 4;
  return { ...parseUNetConfig({ ...json, up_block_types: Array(blocks).fill("UpBlock2D") }), ...control };
}

/** Reads `vae/config.json`; fields that are absent take diffusers' defaults. */
export const parseVaeConfig = (json: unknown): VaeConfig => parseConfig("vae", VaeSchema, json);

/** How many times smaller the latents are than the picture, per side. */
export const vaeFactor = ({ block_out_channels }: VaeConfig): number => 2 ** (block_out_channels.length - 1);

/** The configs of a whole checkpoint. */
export interface StableDiffusionConfigs {
  readonly text_encoder: ClipTextConfig;
  readonly unet: UNetConfig;
  readonly vae: VaeConfig;
}

/** Stable Diffusion 1.5, as its published `config.json` files have it. */
export const sd15: StableDiffusionConfigs = {
  text_encoder: parseClipTextConfig({ hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12 }),
  unet: parseUNetConfig({ cross_attention_dim: 768 }),
  vae: parseVaeConfig({
    block_out_channels: [128, 256, 512, 512],
    layers_per_block: 2,
    down_block_types: Array(4).fill("DownEncoderBlock2D"),
    up_block_types: Array(4).fill("UpDecoderBlock2D"),
  }),
};

/** Stable Diffusion 1.5 for inpainting: the UNet also reads the mask (1 channel) and the latents of what is kept (4). */
export const sd15Inpainting: StableDiffusionConfigs = { ...sd15, unet: { ...sd15.unet, in_channels: 9 } };

/** Stable Diffusion 2.x at 512 pixels, with OpenCLIP's text encoder (the 768-pixel models differ in `sample_size`, 96). */
export const sd2: StableDiffusionConfigs = {
  text_encoder: parseClipTextConfig({
    hidden_size: 1024,
    intermediate_size: 4096,
    num_attention_heads: 16,
    num_hidden_layers: 23,
    hidden_act: "gelu",
  }),
  unet: parseUNetConfig({
    cross_attention_dim: 1024,
    attention_head_dim: [5, 10, 20, 20],
    use_linear_projection: true,
  }),
  vae: sd15.vae,
};

/** A ControlNet for Stable Diffusion 1.x (Zhang et al. 2023), v1.0 and v1.1. */
export const controlNetSd15: ControlNetConfig = parseControlNetConfig({ cross_attention_dim: 768 });
