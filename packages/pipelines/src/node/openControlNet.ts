import { stat } from "node:fs/promises";
import { openCheckpoint as openWeights } from "@tessera/safetensors/node";
import { CheckpointError } from "../checkpoint.ts";
import { configIn } from "../checkpointFiles.ts";
import { controlNetFrom, type ControlNet } from "../controlNet.ts";
import { directoryFiles, ifThere, weightsIn } from "./directoryFiles.ts";

/**
 * Opens a ControlNet on disk: a directory with `config.json` and weights, as diffusers saves it, or a single
 * `.safetensors` file, diffusers' or the original one, for Stable Diffusion 1.x.
 *
 * @throws {CheckpointError} if there is none at the path; `SafetensorsError` for a file that is damaged, or a pickle
 */
export async function openControlNet(path: string): Promise<ControlNet> {
  const found = await ifThere(stat(path));
  if (!found)
    throw new CheckpointError(
      `${path} does not exist. A ControlNet is a directory with config.json and diffusion_pytorch_model.safetensors, or a .safetensors file.`,
    );
  const files = found.isDirectory() ? directoryFiles(path) : undefined;
  const source = files ? await weightsIn(files) : await openWeights(path);
  if (!source)
    throw new CheckpointError(
      `There is no diffusion_pytorch_model.safetensors in ${path}, nor an fp16 variant or an index of shards.`,
    );
  try {
    const config = files && (await configIn(files));
    if (files && !config) throw new CheckpointError(`${path} has no config.json. Download it beside the weights.`);
    return controlNetFrom(source, path, config);
  } catch (error) {
    await source.close?.();
    throw error;
  }
}
