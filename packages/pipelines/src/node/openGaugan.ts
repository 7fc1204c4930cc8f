import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openCheckpoint as openWeights } from "@tessera/safetensors/node";
import { CheckpointError } from "../checkpoint.ts";
import type { GauganCheckpoint } from "../paintGaugan.ts";

/**
 * Opens a GauGAN checkpoint on disk: a directory with `config.json`, the training's options, and `model.safetensors`, the
 * generator's state, with or without spectral norm.
 *
 * @throws {CheckpointError} for a missing or broken config; `SafetensorsError` for weights that cannot be read
 */
export async function openGaugan(location: string): Promise<GauganCheckpoint> {
  const path = join(location, "config.json");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new CheckpointError(
      `There is no ${path}. A GauGAN checkpoint is a directory with config.json (netG, ngf, label_nc, crop_size, …) and ` +
        "model.safetensors.",
      { cause },
    );
  });
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(`${path} is not JSON: ${(cause as Error).message}.`, { cause });
  }
  const weights = await openWeights(join(location, "model.safetensors"));
  return { location, config, weights, close: async () => weights.close?.() };
}
