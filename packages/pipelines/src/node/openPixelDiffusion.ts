import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { configKind, type ConfigKind } from "@tessera/models";
import type { SamplerConfig } from "@tessera/sampling";
import { configIn, parsed } from "../checkpointFiles.ts";
import type { PixelCheckpoint } from "../pixelDiffusion.ts";
import { directoryFiles, ifThere } from "./directoryFiles.ts";
import { openNetworks } from "./openNetworks.ts";

const ofPixels: readonly (ConfigKind | undefined)[] = ["ddpm", "unet2d", "progressiveDistillation"];

/**
 * Opens a checkpoint of a denoiser of pixels: a directory as diffusers' DDPMPipeline saves it, or one with `config.json` and
 * `model.safetensors`; or that file. Undefined if the path holds something else, or nothing.
 *
 * @throws {CheckpointError} for missing weights; `SafetensorsError` for weights that cannot be read
 */
export async function openPixelDiffusion(path: string): Promise<PixelCheckpoint | undefined> {
  const found = await ifThere(stat(path));
  if (!found) return undefined;
  const files = directoryFiles(found.isDirectory() ? path : dirname(path));
  const config = (await configIn(files, "unet")) ?? (await configIn(files));
  if (!config || !ofPixels.includes(configKind(config))) return undefined;
  const scheduler = (await configIn(files, "scheduler")) ?? (await parsed(files, "scheduler_config.json"));
  const opened = await openNetworks(path);
  try {
    const weights = await opened.weights("unet");
    return { location: path, config, scheduler: scheduler as SamplerConfig | undefined, weights, close: opened.close };
  } catch (error) {
    await opened.close();
    throw error;
  }
}
