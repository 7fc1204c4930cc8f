import { renamed, type WeightSource } from "@tessera/safetensors";
import type { UNetConfig } from "./config.ts";

/** A network that has weights of its own; the VAE's two halves share one file. */
export type Part = "text_encoder" | "unet" | "vae";

/** A tensor's name in the model, or undefined for what the model does not use. */
export type Rename = (name: string) => string | undefined;

/** Each pair of a pattern and its replacement, in order. */
const replaceAll = (pairs: readonly (readonly [RegExp, string])[]): ((name: string) => string) => {
  return (name) => pairs.reduce((current, [pattern, replacement]) => current.replace(pattern, replacement), name);
};

/** The names of the VAE's attention before diffusers 0.13, as the published SD 1.5 files have them. */
const newAttention = replaceAll([
  [/(attentions\.\d+)\.query\./, "$1.to_q."],
  [/(attentions\.\d+)\.key\./, "$1.to_k."],
  [/(attentions\.\d+)\.value\./, "$1.to_v."],
  [/(attentions\.\d+)\.proj_attn\./, "$1.to_out.0."],
]);

const isBuffer = (name: string) => name.endsWith("position_ids");

/** Names of diffusers' files → names of the model: old attention names made new, buffers left out. */
export const diffusersName: Rename = (name) => (isBuffer(name) ? undefined : newAttention(name));

const resnet = replaceAll([
  [/\.in_layers\.0\./, ".norm1."],
  [/\.in_layers\.2\./, ".conv1."],
  [/\.emb_layers\.1\./, ".time_emb_proj."],
  [/\.out_layers\.0\./, ".norm2."],
  [/\.out_layers\.3\./, ".conv2."],
  [/\.skip_connection\./, ".conv_shortcut."],
]);

/** Names of the original single-file layout → names of the model's UNet (blocks are numbered through there). */
export function ldmUNetName(
  { layers_per_block }: Pick<UNetConfig, "layers_per_block">,
  prefix = "model.diffusion_model.",
): Rename {
  const outer = replaceAll([
    [/^time_embed\.0\./, "time_embedding.linear_1."],
    [/^time_embed\.2\./, "time_embedding.linear_2."],
    [/^input_blocks\.0\.0\./, "conv_in."],
    [/^out\.0\./, "conv_norm_out."],
    [/^out\.2\./, "conv_out."],
    [/^middle_block\.0\./, "mid_block.resnets.0."],
    [/^middle_block\.1\./, "mid_block.attentions.0."],
    [/^middle_block\.2\./, "mid_block.resnets.1."],
  ]);
  return (name) => {
    if (!name.startsWith(prefix)) return undefined;
    const key = resnet(outer(name.slice(prefix.length)));
    const numbered = /^(input|output)_blocks\.(\d+)\.(\d+)\.(.*)$/.exec(key);
    if (!numbered) return key;
    const [, side, number, place, rest] = numbered;
    const down = side === "input";
    const i = Number(number) - (down ? 1 : 0);
    const block = Math.floor(i / (layers_per_block + 1));
    const layer = i % (layers_per_block + 1);
    const at = `${down ? "down" : "up"}_blocks.${block}`;
    if (rest.startsWith("op.")) return `${at}.downsamplers.0.conv.${rest.slice(3)}`;
    if (rest.startsWith("conv.")) return `${at}.upsamplers.0.${rest}`;
    return `${at}.${place === "0" ? "resnets" : "attentions"}.${layer}.${rest}`;
  };
}

/** The tensors of a ControlNet under the model's names: from diffusers' file, or an original one (`control_model.…`). */
export function controlNetNames(source: WeightSource, config: Pick<UNetConfig, "layers_per_block">): WeightSource {
  const names = [...source.names()];
  const original = names.find((name) => name.endsWith("input_hint_block.0.weight"));
  if (original === undefined) return diffusersNames(source);
  const unet = ldmUNetName(config, original.slice(0, -"input_hint_block.0.weight".length));
  return renamed(source, (name) =>
    unet(name)
      ?.replace(/^zero_convs\.(\d+)\.0\./, "controlnet_down_blocks.$1.")
      .replace(/^middle_block_out\.0\./, "controlnet_mid_block.")
      .replace(/^input_hint_block\.(\d+)\./, (_, layer) => `controlnet_cond_embedding.${hintLayer(Number(layer))}.`),
  );
}

/** Layers of the hint encoder alternate with activations there; the last is the 15th of an encoder of four widths. */
const hintLayer = (layer: number): string =>
  layer === 0 ? "conv_in" : layer === 14 ? "conv_out" : `blocks.${layer / 2 - 1}`;

/** Names of the original single-file layout → names of the model's VAE. `blocks` is the number of resolutions. */
export function ldmVaeName(blocks: number): Rename {
  const rest = replaceAll([
    [/\.down\.(\d+)\.block\.(\d+)\./, ".down_blocks.$1.resnets.$2."],
    [/\.down\.(\d+)\.downsample\.conv\./, ".down_blocks.$1.downsamplers.0.conv."],
    [/\.up\.(\d+)\.block\.(\d+)\./, ".up_blocks.$1.resnets.$2."],
    [/\.up\.(\d+)\.upsample\.conv\./, ".up_blocks.$1.upsamplers.0.conv."],
    [/\.mid\.block_1\./, ".mid_block.resnets.0."],
    [/\.mid\.block_2\./, ".mid_block.resnets.1."],
    [/\.mid\.attn_1\.norm\./, ".mid_block.attentions.0.group_norm."],
    [/\.mid\.attn_1\.q\./, ".mid_block.attentions.0.to_q."],
    [/\.mid\.attn_1\.k\./, ".mid_block.attentions.0.to_k."],
    [/\.mid\.attn_1\.v\./, ".mid_block.attentions.0.to_v."],
    [/\.mid\.attn_1\.proj_out\./, ".mid_block.attentions.0.to_out.0."],
    [/\.nin_shortcut\./, ".conv_shortcut."],
    [/\.norm_out\./, ".conv_norm_out."],
  ]);
  return (name) => {
    const prefix = "first_stage_model.";
    if (!name.startsWith(prefix)) return undefined;
    // The original counts the decoder's levels from the largest picture, diffusers from the smallest.
    return rest(name.slice(prefix.length)).replace(/up_blocks\.(\d+)/, (_, i) => `up_blocks.${blocks - 1 - Number(i)}`);
  };
}

/** Names of the original single-file layout → names of the model's text encoder. */
export const ldmTextName: Rename = (name) => {
  const prefix = "cond_stage_model.transformer.";
  return name.startsWith(prefix) && !isBuffer(name) ? name.slice(prefix.length) : undefined;
};

/** The tensors of one part of a diffusers directory, under the model's names. */
export const diffusersNames = (source: WeightSource): WeightSource => renamed(source, diffusersName);

/** The tensors of one part of a single-file checkpoint in the original layout, under the model's names. */
export function ldmNames(
  part: Part,
  source: WeightSource,
  configs: {
    readonly unet: Pick<UNetConfig, "layers_per_block">;
    readonly vae: { readonly block_out_channels: readonly number[] };
  },
): WeightSource {
  const rename = {
    unet: ldmUNetName(configs.unet),
    vae: ldmVaeName(configs.vae.block_out_channels.length),
    text_encoder: ldmTextName,
  }[part];
  return renamed(source, rename);
}

/** Whether a file's names are those of the original single-file layout. */
export function isLdm(source: WeightSource): boolean {
  for (const name of source.names()) if (name.startsWith("model.diffusion_model.")) return true;
  return false;
}
