import * as v from "valibot";
import type { PixelUNetShape } from "../blocks/pixelUNet.ts";
import { absent, ConfigError, only, parseConfig, whole } from "../parseConfig.ts";

/** The UNet of DDPM and DDIM, in the field names of ermongroup/ddim's `configs/*.yml`. */
export interface DdpmConfig extends PixelUNetShape {
  readonly in_channels: number;
}

const OriginalSchema = v.object({
  data: v.object({ image_size: whole }),
  model: v.object({
    in_channels: whole,
    out_ch: whole,
    ch: whole,
    ch_mult: v.array(whole),
    num_res_blocks: whole,
    attn_resolutions: v.array(whole),
    resamp_with_conv: only(true),
    /** Always 32 in the original. */
    norm_num_groups: v.optional(whole, 32),
  }),
});

const DiffusersSchema = v.object({
  sample_size: whole,
  in_channels: v.optional(whole, 3),
  out_channels: v.optional(whole, 3),
  block_out_channels: v.array(whole),
  layers_per_block: v.optional(whole, 2),
  down_block_types: v.array(v.picklist(["DownBlock2D", "AttnDownBlock2D"])),
  up_block_types: v.array(v.picklist(["UpBlock2D", "AttnUpBlock2D"])),
  norm_num_groups: v.optional(whole, 32),
  norm_eps: v.literal(1e-6),
  downsample_padding: v.literal(0),
  flip_sin_to_cos: v.literal(false),
  freq_shift: v.literal(1),
  attention_head_dim: absent,
  act_fn: only("silu"),
  center_input_sample: only(false),
  mid_block_scale_factor: only(1),
  time_embedding_type: only("positional"),
  class_embed_type: absent,
  resnet_time_scale_shift: only("default"),
});

/** Reads a config of ermongroup/ddim (its YAML as JSON), or the `config.json` of diffusers' UNet2DModel. */
export function parseDdpmConfig(json: unknown): DdpmConfig {
  if (!isDiffusers(json)) {
    const { data, model } = parseConfig("DDPM", OriginalSchema, json);
    const { resamp_with_conv: _, ...rest } = model;
    return { image_size: data.image_size, ...rest };
  }
  const { sample_size, block_out_channels, down_block_types, up_block_types, layers_per_block, ...config } =
    parseConfig("DDPM", DiffusersSchema, json);
  const attends = down_block_types.map((type) => type.startsWith("Attn"));
  const mirrored = up_block_types.map((type) => type.startsWith("Attn")).toReversed();
  if (attends.join() !== mirrored.join() || attends.length !== block_out_channels.length)
    throw new ConfigError(
      `DDPM config.json: block_out_channels [${block_out_channels}], down_block_types [${down_block_types}] and ` +
        `up_block_types [${up_block_types}] are not one list and its mirror image.`,
    );
  const [ch] = block_out_channels;
  return {
    image_size: sample_size,
    in_channels: config.in_channels,
    out_ch: config.out_channels,
    ch,
    ch_mult: block_out_channels.map((channels) => channels / ch),
    num_res_blocks: layers_per_block,
    attn_resolutions: attends.flatMap((yes, level) => (yes ? [Math.floor(sample_size / 2 ** level)] : [])),
    norm_num_groups: config.norm_num_groups,
  };
}

const isDiffusers = (json: unknown): boolean =>
  typeof json === "object" && json !== null && "block_out_channels" in json;

const published = (image_size: number, ch_mult: number[]): DdpmConfig =>
  parseDdpmConfig({
    data: { image_size },
    model: { in_channels: 3, out_ch: 3, ch: 128, ch_mult, num_res_blocks: 2, attn_resolutions: [16] },
  });

/** The published networks: `church.yml` (bedroom is the same), `cifar10.yml` and `celeba.yml` of ermongroup/ddim. */
export const ddpmConfigs = {
  church256: published(256, [1, 1, 2, 2, 4, 4]),
  cifar10: published(32, [1, 2, 2, 2]),
  celeba64: published(64, [1, 2, 2, 2, 4]),
} as const;
