import { renamed, type WeightSource } from "@tessera/safetensors";

const replacements: readonly (readonly [RegExp, string])[] = [
  [/^time_embedding\.linear_1\./, "temb.dense.0."],
  [/^time_embedding\.linear_2\./, "temb.dense.1."],
  [/^conv_norm_out\./, "norm_out."],
  [/^mid_block\.resnets\.0\./, "mid.block_1."],
  [/^mid_block\.resnets\.1\./, "mid.block_2."],
  [/^mid_block\.attentions\.0\./, "mid.attn_1."],
  [/^(down|up)_blocks\.(\d+)\.resnets\./, "$1.$2.block."],
  [/^(down|up)_blocks\.(\d+)\.attentions\./, "$1.$2.attn."],
  [/^(down|up)_blocks\.(\d+)\.(down|up)samplers\.0\./, "$1.$2.$3sample."],
  [/\.time_emb_proj\./, ".temb_proj."],
  [/\.conv_shortcut\./, ".nin_shortcut."],
  [/\.group_norm\./, ".norm."],
  // Attention's names since diffusers 0.13, and before.
  [/\.(to_q|query)\./, ".q."],
  [/\.(to_k|key)\./, ".k."],
  [/\.(to_v|value)\./, ".v."],
  [/\.(to_out\.0|proj_attn)\./, ".proj_out."],
];

/** Names of diffusers' UNet2DModel → names of the model, which are ermongroup/ddim's; those stay as they are. */
export const ddpmName =
  (levels: number) =>
  (name: string): string =>
    replacements
      .reduce((current, [pattern, replacement]) => current.replace(pattern, replacement), name)
      // diffusers counts the levels on the way up from the smallest picture, the original from the largest.
      .replace(/^up\.(\d+)/, (whole, i) => (name.startsWith("up_blocks.") ? `up.${levels - 1 - Number(i)}` : whole));

/** The tensors of a DDPM checkpoint in either layout, under the model's names. `levels` is the length of `ch_mult`. */
export const ddpmNames = (source: WeightSource, levels: number): WeightSource => renamed(source, ddpmName(levels));
