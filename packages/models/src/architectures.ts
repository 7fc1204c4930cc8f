import { ddpmConfigs } from "./ddpm/config.ts";
import { compressedGaugan, gauganConfigs } from "./gaugan/config.ts";
import {
  mobileDiffusion,
  mobileDiffusionLite,
  mobileDiffusionVae,
  type MobileDiffusionConfig,
} from "./mobileDiffusion/config.ts";
import {
  component,
  ddpmNetworks,
  gauganNetworks,
  mobileDiffusionNetworks,
  progressiveDistillationNetworks,
  stableDiffusion,
  tinyDecoderNetworks,
  type Networks,
} from "./networks.ts";
import { progressiveDistillationConfigs } from "./progressiveDistillation/config.ts";
import { controlNetSd15, sd15, sd15Inpainting, sd2 } from "./sd15/config.ts";

const mobile = (config: MobileDiffusionConfig): Networks => ({
  ...component({ component: "text_encoder", config: sd15.text_encoder }),
  ...mobileDiffusionNetworks(config),
  ...component({ component: "vae_encoder", config: mobileDiffusionVae.encoder }),
  ...component({ component: "vae_decoder", config: mobileDiffusionVae.decoder }),
  vae_decoder_lite: component({ component: "vae_decoder", config: mobileDiffusionVae.liteDecoder }).vae_decoder,
});

/** What is known by name, without any file. */
export const architectures: Readonly<Record<string, Networks>> = {
  sd15: stableDiffusion(sd15),
  "sd15-inpainting": stableDiffusion(sd15Inpainting),
  sd2: stableDiffusion(sd2),
  "controlnet-sd15": component({ component: "controlnet", config: controlNetSd15 }),
  taesd: tinyDecoderNetworks,
  mobilediffusion: mobile(mobileDiffusion),
  "mobilediffusion-lite": mobile(mobileDiffusionLite),
  "ddpm-church-256": ddpmNetworks(ddpmConfigs.church256),
  "ddpm-cifar10": ddpmNetworks(ddpmConfigs.cifar10),
  "ddpm-celeba64": ddpmNetworks(ddpmConfigs.celeba64),
  "pd-church-128": progressiveDistillationNetworks(progressiveDistillationConfigs.church128),
  "pd-church-256": progressiveDistillationNetworks(progressiveDistillationConfigs.church256),
  "gaugan-cityscapes": gauganNetworks(gauganConfigs.cityscapes),
  "gaugan-coco": gauganNetworks(gauganConfigs.coco),
  "gaugan-0.19": gauganNetworks(gauganConfigs["0.19"]),
};

/** Architectures that take an argument after a colon: `gaugan-compressed:32_32_32_48_32_24_24_32`. */
export const parametrisedArchitectures: Readonly<Record<string, (argument: string) => Networks>> = {
  "gaugan-compressed": (config) => gauganNetworks(compressedGaugan(config)),
};

/** The networks of the architecture of that name, argument included; undefined if there is none. */
export function architecture(name: string): Networks | undefined {
  if (Object.hasOwn(architectures, name)) return architectures[name];
  const colon = name.indexOf(":");
  const family = name.slice(0, Math.max(0, colon));
  return Object.hasOwn(parametrisedArchitectures, family)
    ? parametrisedArchitectures[family](name.slice(colon + 1))
    : undefined;
}

/** Every name that `architecture` takes, CONFIG standing for an argument. */
export const architectureNames: readonly string[] = [
  ...Object.keys(architectures),
  ...Object.keys(parametrisedArchitectures).map((family) => `${family}:CONFIG`),
];
