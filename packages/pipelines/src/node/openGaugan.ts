import { join } from "node:path";
import { openCheckpoint as openWeights } from "@tessera/safetensors/node";
import { CheckpointError } from "../checkpoint.ts";
import { configIn } from "../checkpointFiles.ts";
import type { GauganCheckpoint } from "../paintGaugan.ts";
import { directoryFiles } from "./directoryFiles.ts";

/**
 * Opens a GauGAN checkpoint on disk: a directory with `config.json`, the training's options, and `model.safetensors`, the
 * generator's state, with or without spectral norm.
 *
 * @throws {CheckpointError} for a missing or broken config; `SafetensorsError` for weights that cannot be read
 */
export async function openGaugan(location: string): Promise<GauganCheckpoint> {
  const config = await configIn(directoryFiles(location));
  if (!config)
    throw new CheckpointError(
      `There is no ${join(location, "config.json")}. A GauGAN checkpoint is a directory with config.json (netG, ngf, ` +
        "label_nc, crop_size, …) and model.safetensors.",
    );
  const weights = await openWeights(join(location, "model.safetensors"));
  return { location, config, weights, close: async () => weights.close?.() };
}
