import type { WeightSource } from "@tessera/safetensors";
import * as v from "valibot";
import { ConfigError, only, parseConfig, whole } from "../parseConfig.ts";

const GauganSchema = v.object({
  netG: v.optional(v.picklist(["spade", "sub_mobile_spade"]), "spade"),
  ngf: v.optional(whole, 64),
  label_nc: v.optional(whole, 182),
  contain_dontcare_label: v.optional(v.boolean(), false),
  no_instance: v.optional(v.boolean(), false),
  num_upsampling_layers: v.optional(v.picklist(["normal", "more", "most"]), "normal"),
  crop_size: v.optional(whole, 256),
  aspect_ratio: v.optional(v.number(), 1),
  norm_G: v.optional(v.pipe(v.string(), v.regex(/spade(sync)?batch3x3/)), "spectralspadesyncbatch3x3"),
  use_vae: only(false),
  /** Width of the hidden layer in each SPADE. 128 in the original; 2·ngf in GAN Compression and SIGE. */
  nhidden: v.optional(whole, 128),
  /** The eight numbers of GAN Compression's search, joined by `_`. */
  config_str: v.optional(v.string()),
});

/** A SPADE generator, in the option names of NVlabs/SPADE and mit-han-lab/gan-compression. */
export type GauganConfig = v.InferOutput<typeof GauganSchema>;

/**
 * Reads a generator's options. The hidden width is not among the original's: it is taken from the weights where they are
 * given.
 *
 * @throws {ConfigError} for options that describe another network
 */
export function parseGauganConfig(json: unknown, weights?: WeightSource): GauganConfig {
  const config = parseConfig("GauGAN", GauganSchema, json);
  const nhidden = weights?.info("head_0.norm_0.mlp_shared.0.weight")?.shape[0] ?? config.nhidden;
  if ((config.netG === "sub_mobile_spade") !== (config.config_str !== undefined))
    throw new ConfigError('GauGAN config.json: netG "sub_mobile_spade" and config_str go together; one is missing.');
  compressedChannels(config); // an error now, not in the middle of a graph
  const { width, height } = gauganSize(config);
  if (!(width > 0 && height > 0))
    throw new ConfigError(
      `GauGAN config.json: crop_size ${config.crop_size} and aspect_ratio ${config.aspect_ratio} leave nothing of a ` +
        `first feature map ${gauganFactor(config)} times smaller.`,
    );
  return { ...config, nhidden };
}

/** The eight widths of a compressed generator: of the first convolution, then of the seven blocks. */
export function compressedChannels({ config_str, num_upsampling_layers }: GauganConfig): readonly number[] | undefined {
  if (config_str === undefined) return undefined;
  const channels = config_str.split("_").map(Number);
  if (channels.length !== 8 || !channels.every((n) => Number.isInteger(n) && n > 0))
    throw new ConfigError(
      `GauGAN: the compressed generator's config is "${config_str}", expected eight whole numbers joined by _, such as ` +
        "32_32_32_48_32_24_24_32.",
    );
  if (num_upsampling_layers === "most")
    throw new ConfigError('GauGAN: num_upsampling_layers "most" has no compressed generator.');
  return channels;
}

/** Channels of the generator's input: a plane for each label, one for "don't care", one for edges of instances. */
export const semanticChannels = (config: GauganConfig): number =>
  config.label_nc + (config.contain_dontcare_label ? 1 : 0) + (config.no_instance ? 0 : 1);

const doublings = { normal: 5, more: 6, most: 7 } as const;

/** How many times larger the picture is than the first feature map, per side. */
export const gauganFactor = ({ num_upsampling_layers }: GauganConfig): number => 2 ** doublings[num_upsampling_layers];

/** Size of the pictures that the generator makes. */
export function gauganSize(config: GauganConfig): { readonly width: number; readonly height: number } {
  const factor = gauganFactor(config);
  const columns = Math.floor(config.crop_size / factor);
  const rows = columns / config.aspect_ratio;
  const nearest = rows % 1 === 0.5 ? 2 * Math.round(rows / 2) : Math.round(rows); // halves to even, as in Python
  return { width: columns * factor, height: nearest * factor };
}

const cityscapes = { label_nc: 35, num_upsampling_layers: "more", crop_size: 512, aspect_ratio: 2 };

/** GAN Compression's generator for Cityscapes (Li et al. 2020), by the eight numbers of its search. */
export const compressedGaugan = (config_str: string): GauganConfig =>
  parseGauganConfig({ ...cityscapes, netG: "sub_mobile_spade", config_str });

/** The published generators (Park et al. 2019), and SIGE's baseline of 0.19 times the width. */
export const gauganConfigs = {
  cityscapes: parseGauganConfig(cityscapes),
  coco: parseGauganConfig({ contain_dontcare_label: true }),
  "0.19": parseGauganConfig({ ...cityscapes, ngf: 12, nhidden: 24 }),
} as const;
