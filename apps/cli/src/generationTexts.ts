import { basename } from "node:path";
import type { Checkpoint, NoiseToImageResult, Parameters } from "@tessera/pipelines";
import { version } from "./version.ts";

/**
 * How a picture was made, for its PNG file: `parameters` as AUTOMATIC1111's web UI and those who follow it write and read
 * it, and `tessera`, the same and more as JSON.
 */
export function generationTexts(
  { prompt, negativePrompt, ...parameters }: NoiseToImageResult["parameters"] & Partial<Parameters>,
  { location, files }: Pick<Checkpoint, "location" | "files">,
  backend: string,
): Record<string, string> {
  const { steps, sampler, guidance, seed, width, height, strength, eta, loras, control } = parameters;
  const model = basename(location).replace(/\.safetensors$/, "");
  const settings = {
    Steps: steps,
    Sampler: sampler.toUpperCase(),
    "CFG scale": guidance,
    Seed: seed,
    Size: `${width}x${height}`,
    Model: /[,:"\n]/.test(model) ? JSON.stringify(model) : model,
    "Denoising strength": strength,
    "Eta DDIM": eta || undefined,
    LoRAs: loras && JSON.stringify(loras.map(({ name, weight }) => `${name}: ${weight}`).join(", ")),
    "ControlNet 0":
      control &&
      JSON.stringify(
        `Model: ${basename(control.model)}, Weight: ${control.scale}, Guidance Start: ${control.start}, Guidance End: ${control.end}`,
      ),
    RNG: "CPU",
    Version: `tessera ${version}`,
  };
  const line = Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ");
  const record = { schema: 1, version, prompt, negativePrompt, ...parameters, rng: "torch-cpu", model, files, backend };
  return {
    parameters: [prompt, negativePrompt ? `Negative prompt: ${negativePrompt}` : undefined, line]
      .filter((text) => text !== undefined)
      .join("\n"),
    tessera: JSON.stringify(record),
  };
}
