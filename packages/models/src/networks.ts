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

/** Marks of a kind of config, all of which it has, and the networks that it describes; the first that fits counts. */
const kinds: readonly (readonly [marks: readonly string[], read: (json: object, source?: WeightSource) => Networks])[] =
  [
    [["label_nc"], (json, source) => gauganNetworks(parseGauganConfig(json, source))],
    [["netG"], (json, source) => gauganNetworks(parseGauganConfig(json, source))],
    [["data", "model.in_ch"], (json) => progressiveDistillationNetworks(parseProgressiveDistillationConfig(json))],
    [["data", "model"], (json) => ddpmNetworks(parseDdpmConfig(json))],
    [
      ["conditioning_embedding_out_channels"],
      (json) => component({ component: "controlnet", config: parseControlNetConfig(json) }),
    ],
    [["decoder_block_out_channels"], () => tinyDecoderNetworks],
    [
      ["latent_channels"],
      (json) => ({
        ...component({ component: "vae_encoder", config: parseVaeConfig(json) }),
        ...component({ component: "vae_decoder", config: parseVaeConfig(json) }),
      }),
    ],
    [["up_transformers"], (json) => mobileDiffusionNetworks(parseMobileDiffusionConfig(json))],
    [["cross_attention_dim"], (json) => component({ component: "unet", config: parseUNetConfig(json) })],
    [["down_block_types"], (json) => ddpmNetworks(parseDdpmConfig(json))],
    [["num_hidden_layers"], (json) => component({ component: "text_encoder", config: parseClipTextConfig(json) })],
  ];

/**
 * The networks that a config describes, known by its fields: those of diffusers and transformers, of ermongroup/ddim,
 * lmxyy/sige and NVlabs/SPADE.
 *
 * @param source the weights, where they are there: they complete some configs
 * @throws {ConfigError} for a config of something else
 */
export function networksOf(json: object, source?: WeightSource): Networks {
  const has = (path: string) =>
    path.split(".").reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], json) !==
    undefined;
  const kind = kinds.find(([marks]) => marks.every(has));
  if (kind) return kind[1](json, source);
  throw new ConfigError(
    `A config.json with ${Object.keys(json).slice(0, 8).join(", ") || "nothing"} describes no network that is known here.`,
  );
}
