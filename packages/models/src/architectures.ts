import type { Graph } from "@tessera/kernels";
import { ddpmConfigs } from "./ddpm/config.ts";
import { ddpmGraph } from "./ddpm/unet.ts";
import { compressedGaugan, gauganConfigs } from "./gaugan/config.ts";
import { gauganGraph } from "./gaugan/generator.ts";
import {
  mobileDiffusion,
  mobileDiffusionLite,
  mobileDiffusionVae,
  type MobileDiffusionConfig,
} from "./mobileDiffusion/config.ts";
import { mobileDiffusionGraph } from "./mobileDiffusion/unet.ts";
import { progressiveDistillationConfigs } from "./progressiveDistillation/config.ts";
import { progressiveDistillationGraph } from "./progressiveDistillation/unet.ts";
import { componentGraph } from "./sd15/componentGraph.ts";
import { controlNetSd15, sd15, sd15Inpainting, sd2, type StableDiffusionConfigs } from "./sd15/config.ts";

const stableDiffusion = ({ text_encoder, unet, vae }: StableDiffusionConfigs) => ({
  text_encoder: componentGraph({ component: "text_encoder", config: text_encoder }),
  unet: componentGraph({ component: "unet", config: unet }),
  vae_encoder: componentGraph({ component: "vae_encoder", config: vae }),
  vae_decoder: componentGraph({ component: "vae_decoder", config: vae }),
});

const mobile = (config: MobileDiffusionConfig) => ({
  text_encoder: componentGraph({ component: "text_encoder", config: sd15.text_encoder }),
  unet: mobileDiffusionGraph(config),
  vae_encoder: componentGraph({ component: "vae_encoder", config: mobileDiffusionVae.encoder }),
  vae_decoder: componentGraph({ component: "vae_decoder", config: mobileDiffusionVae.decoder }),
  vae_decoder_lite: componentGraph({ component: "vae_decoder", config: mobileDiffusionVae.liteDecoder }),
});

/** What is known by name, without any file: for each architecture its networks, at the size that they were trained at. */
export const architectures: Record<string, () => Record<string, Graph>> = {
  sd15: () => stableDiffusion(sd15),
  "sd15-inpainting": () => stableDiffusion(sd15Inpainting),
  sd2: () => stableDiffusion(sd2),
  "controlnet-sd15": () => ({ controlnet: componentGraph({ component: "controlnet", config: controlNetSd15 }) }),
  mobilediffusion: () => mobile(mobileDiffusion),
  "mobilediffusion-lite": () => mobile(mobileDiffusionLite),
  "ddpm-church-256": () => ({ unet: ddpmGraph(ddpmConfigs.church256) }),
  "ddpm-cifar10": () => ({ unet: ddpmGraph(ddpmConfigs.cifar10) }),
  "ddpm-celeba64": () => ({ unet: ddpmGraph(ddpmConfigs.celeba64) }),
  "pd-church-128": () => ({ unet: progressiveDistillationGraph(progressiveDistillationConfigs.church128) }),
  "pd-church-256": () => ({ unet: progressiveDistillationGraph(progressiveDistillationConfigs.church256) }),
  "gaugan-cityscapes": () => ({ generator: gauganGraph(gauganConfigs.cityscapes) }),
  "gaugan-coco": () => ({ generator: gauganGraph(gauganConfigs.coco) }),
  "gaugan-0.19": () => ({ generator: gauganGraph(gauganConfigs["0.19"]) }),
};

/** Architectures that take an argument after a colon: `gaugan-compressed:32_32_32_48_32_24_24_32`. */
export const parametrisedArchitectures: Record<string, (argument: string) => Record<string, Graph>> = {
  "gaugan-compressed": (config) => ({ generator: gauganGraph(compressedGaugan(config)) }),
};

/** The networks of the architecture of that name, argument included; undefined if there is none. */
export function architecture(name: string): Record<string, Graph> | undefined {
  if (Object.hasOwn(architectures, name)) return architectures[name]();
  const colon = name.indexOf(":");
  const family = name.slice(0, Math.max(0, colon));
  return Object.hasOwn(parametrisedArchitectures, family)
    ? parametrisedArchitectures[family](name.slice(colon + 1))
    : undefined;
}
