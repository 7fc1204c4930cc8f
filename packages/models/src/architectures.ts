import type { Graph } from "@tessera/kernels";
import { ddpmConfigs } from "./ddpm/config.ts";
import { ddpmGraph } from "./ddpm/unet.ts";
import { compressedGaugan, gauganConfigs } from "./gaugan/config.ts";
import { gauganGraph } from "./gaugan/generator.ts";
import { progressiveDistillationConfigs } from "./progressiveDistillation/config.ts";
import { progressiveDistillationGraph } from "./progressiveDistillation/unet.ts";

/** What is known by name, without any file: for each architecture its networks, at the size that they were trained at. */
export const architectures: Record<string, () => Record<string, Graph>> = {
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
