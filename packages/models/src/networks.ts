import type { Graph } from "@tessera/kernels";
import type { WeightSource } from "@tessera/safetensors";
import { parseDdpmConfig, type DdpmConfig } from "./ddpm/config.ts";
import { ddpmNames } from "./ddpm/names.ts";
import { ddpmGraph } from "./ddpm/unet.ts";
import { parseGauganConfig, type GauganConfig } from "./gaugan/config.ts";
import { gauganGraph } from "./gaugan/generator.ts";
import { gauganWeights } from "./gaugan/weights.ts";
import { parseMobileDiffusionConfig, type MobileDiffusionConfig } from "./mobileDiffusion/config.ts";
import { mobileDiffusionGraph } from "./mobileDiffusion/unet.ts";
import { ConfigError } from "./parseConfig.ts";
import {
  parseProgressiveDistillationConfig,
  type ProgressiveDistillationConfig,
} from "./progressiveDistillation/config.ts";
import { progressiveDistillationGraph } from "./progressiveDistillation/unet.ts";
import { componentGraph, type ComponentConfig, type ComponentSize } from "./sd15/componentGraph.ts";
import {
  parseClipTextConfig,
  parseControlNetConfig,
  parseUNetConfig,
  parseVaeConfig,
  type StableDiffusionConfigs,
} from "./sd15/config.ts";
import { controlNetNames, diffusersNames } from "./sd15/names.ts";
import { tinyDecoderGraph, tinyDecoderNames } from "./sd15/tinyDecoder.ts";

/** One network, whichever it is. */
export interface Network {
  /**
   * Its inputs by name, their shapes in letters: n at once, h and w of the picture or latents, s tokens of context. The same
   * letter is the same size; others follow from the config.
   */
  readonly inputs: Readonly<Record<string, string>>;
  /** Its graph, unless told otherwise for the size that it was trained at. */
  graph(size?: ComponentSize): Graph;
  /** A checkpoint's tensors under the names that the graph asks for. */
  weights(source: WeightSource): WeightSource;
}

/** The networks of a model by the names of its parts. */
export type Networks = Readonly<Record<string, Network>>;

const pixelInputs = { sample: "n c h w", timestep: "n" };
const textInputs = { ...pixelInputs, encoder_hidden_states: "n s e" };

const componentInputs: Record<ComponentConfig["component"], Record<string, string>> = {
  text_encoder: { input_ids: "n t" },
  unet: textInputs,
  controlnet: { ...textInputs, controlnet_cond: "1 3 H W", conditioning_scale: "1" },
  vae_encoder: { sample: "n c h w" },
  vae_decoder: { latents: "n c h w" },
};

/** A part of Stable Diffusion, as `Networks` of one. */
export const component = (given: ComponentConfig): Networks => ({
  [given.component]: {
    inputs: componentInputs[given.component],
    graph: (size) => componentGraph(given, size),
    weights: (source) =>
      given.component === "controlnet" ? controlNetNames(source, given.config) : diffusersNames(source),
  },
});

export const stableDiffusion = ({ text_encoder, unet, vae }: StableDiffusionConfigs): Networks => ({
  ...component({ component: "text_encoder", config: text_encoder }),
  ...component({ component: "unet", config: unet }),
  ...component({ component: "vae_encoder", config: vae }),
  ...component({ component: "vae_decoder", config: vae }),
});

export const mobileDiffusionNetworks = (config: MobileDiffusionConfig): Networks => ({
  unet: { inputs: textInputs, graph: (size) => mobileDiffusionGraph(config, size), weights: (source) => source },
});

export const ddpmNetworks = (config: DdpmConfig): Networks => ({
  unet: {
    inputs: pixelInputs,
    graph: (size) => ddpmGraph(config, size),
    weights: (source) => ddpmNames(source, config.ch_mult.length),
  },
});

export const progressiveDistillationNetworks = (config: ProgressiveDistillationConfig): Networks => ({
  unet: {
    inputs: pixelInputs,
    graph: (size) => progressiveDistillationGraph(config, size),
    weights: (source) => source,
  },
});

export const gauganNetworks = (config: GauganConfig): Networks => ({
  generator: {
    inputs: { segmentation: "n c h w" },
    graph: (size) => gauganGraph(config, size),
    weights: gauganWeights,
  },
});

/** TAESD's decoder. */
export const tinyDecoderNetworks: Networks = {
  decoder: { inputs: { latents: "n c h w" }, graph: tinyDecoderGraph, weights: tinyDecoderNames },
};

interface Kind {
  /** Fields that its configs have; the first kind in order that has all of its own counts. */
  readonly marks: readonly string[];
  networks(json: object, source?: WeightSource): Networks;
}

const kinds = {
  gaugan: {
    marks: ["label_nc"],
    networks: (json, source) => gauganNetworks(parseGauganConfig(json, source)),
  },
  progressiveDistillation: {
    marks: ["data", "model.in_ch"],
    networks: (json) => progressiveDistillationNetworks(parseProgressiveDistillationConfig(json)),
  },
  ddpm: {
    marks: ["data", "model"],
    networks: (json) => ddpmNetworks(parseDdpmConfig(json)),
  },
  controlNet: {
    marks: ["conditioning_embedding_out_channels"],
    networks: (json) => component({ component: "controlnet", config: parseControlNetConfig(json) }),
  },
  tinyAutoencoder: {
    marks: ["decoder_block_out_channels"],
    networks: () => tinyDecoderNetworks,
  },
  vae: {
    marks: ["latent_channels"],
    networks: (json) => ({
      ...component({ component: "vae_encoder", config: parseVaeConfig(json) }),
      ...component({ component: "vae_decoder", config: parseVaeConfig(json) }),
    }),
  },
  mobileDiffusion: {
    marks: ["up_transformers"],
    networks: (json) => mobileDiffusionNetworks(parseMobileDiffusionConfig(json)),
  },
  unet: {
    marks: ["cross_attention_dim"],
    networks: (json) => component({ component: "unet", config: parseUNetConfig(json) }),
  },
  unet2d: {
    marks: ["down_block_types"],
    networks: (json) => ddpmNetworks(parseDdpmConfig(json)),
  },
  textEncoder: {
    marks: ["num_hidden_layers"],
    networks: (json) => component({ component: "text_encoder", config: parseClipTextConfig(json) }),
  },
} satisfies Record<string, Kind>;

/** A kind of config: of GauGAN, of ermongroup/ddim, of diffusers' UNet2DModel (`unet2d`) … */
export type ConfigKind = keyof typeof kinds;

/** What a `config.json` is of, known by its fields; undefined for something else. */
export function configKind(json: object): ConfigKind | undefined {
  const has = (path: string) =>
    path.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], json) !==
    undefined;
  return (Object.keys(kinds) as ConfigKind[]).find((kind) => kinds[kind].marks.every(has));
}

/**
 * The networks that a config describes: one of diffusers or transformers, of ermongroup/ddim, lmxyy/sige or NVlabs/SPADE.
 *
 * @param source the weights, where they are there: they complete some configs
 * @throws {ConfigError} for a config of something else
 */
export function networksOf(json: object, source?: WeightSource): Networks {
  const kind = configKind(json);
  if (kind) return (kinds[kind] as Kind).networks(json, source);
  throw new ConfigError(
    `A config.json with ${Object.keys(json).slice(0, 8).join(", ") || "nothing"} describes no network that is known here.`,
  );
}
