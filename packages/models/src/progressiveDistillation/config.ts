import * as v from "valibot";
import type { PixelUNetShape } from "../blocks/pixelUNet.ts";
import { absent, ConfigError, only, parseConfig, whole } from "../parseConfig.ts";

/** The UNet of progressive distillation, in the field names of lmxyy/sige's `configs/church_pd*.yml`. */
export interface ProgressiveDistillationConfig extends PixelUNetShape {
  readonly in_ch: number;
  /** Width of the time embedding. */
  readonly temb_ch: number;
  /** Channels of an attention head. */
  readonly head_dim: number;
  /** What it predicts, as google-research/diffusion_distillation names it: "both" is x₀ and then ε, in twice the channels. */
  readonly mean_type: MeanType;
}

const meanTypes = ["both", "v", "x", "eps"] as const;
type MeanType = (typeof meanTypes)[number];

const Schema = v.object({
  data: v.object({ image_size: whole }),
  model: v.object({
    in_ch: whole,
    out_ch: whole,
    ch: whole,
    ch_mult: v.array(whole),
    num_res_blocks: whole,
    attn_resolutions: v.array(whole),
    temb_ch: whole,
    head_dim: whole,
    num_heads: absent,
    logsnr_input_type: only("inv_cos"),
    mean_type: v.optional(v.picklist(meanTypes), "both"),
    /** Always 32 in the original. */
    norm_num_groups: v.optional(whole, 32),
  }),
});

/** Reads a config of lmxyy/sige, its YAML as JSON. */
export function parseProgressiveDistillationConfig(json: unknown): ProgressiveDistillationConfig {
  const { data, model } = parseConfig("progressive distillation", Schema, json);
  const { num_heads: _, logsnr_input_type: __, ...rest } = model;
  const expected = rest.mean_type === "both" ? 2 * rest.in_ch : rest.in_ch;
  if (rest.out_ch !== expected)
    throw new ConfigError(
      `progressive distillation config.json: out_ch is ${rest.out_ch}, but mean_type "${rest.mean_type}" of ${rest.in_ch} channels takes ${expected}.`,
    );
  return { image_size: data.image_size, ...rest };
}

const church = (image_size: number, ch_mult: number[]): ProgressiveDistillationConfig => ({
  image_size,
  in_ch: 3,
  out_ch: 6,
  ch: 64,
  ch_mult,
  num_res_blocks: 3,
  attn_resolutions: [8, 16, 32],
  temb_ch: 768,
  head_dim: 64,
  mean_type: "both",
  norm_num_groups: 32,
});

/** The LSUN church networks that SIGE uses. */
export const progressiveDistillationConfigs = {
  church128: church(128, [1, 2, 4, 6, 8]),
  church256: church(256, [1, 1, 2, 4, 6, 8]),
} as const;
