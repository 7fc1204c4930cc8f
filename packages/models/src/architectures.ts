import type { Graph } from "@tessera/kernels";
import { componentGraph } from "./sd15/componentGraph.ts";
import { controlNetSd15, sd15, sd15Inpainting, sd2, type StableDiffusionConfigs } from "./sd15/config.ts";

const stableDiffusion = ({ text_encoder, unet, vae }: StableDiffusionConfigs) => ({
  text_encoder: componentGraph({ component: "text_encoder", config: text_encoder }),
  unet: componentGraph({ component: "unet", config: unet }),
  vae_encoder: componentGraph({ component: "vae_encoder", config: vae }),
  vae_decoder: componentGraph({ component: "vae_decoder", config: vae }),
});

/** The architectures that are known by name, with no file at hand: the networks of each, at their own size. */
export const architectures: Record<string, () => Record<string, Graph>> = {
  sd15: () => stableDiffusion(sd15),
  "sd15-inpainting": () => stableDiffusion(sd15Inpainting),
  sd2: () => stableDiffusion(sd2),
  "controlnet-sd15": () => ({ controlnet: componentGraph({ component: "controlnet", config: controlNetSd15 }) }),
};
