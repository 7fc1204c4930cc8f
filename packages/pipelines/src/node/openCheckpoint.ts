import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { openCheckpoint as openWeights } from "@tessera/safetensors/node";
import { CheckpointError, type Checkpoint } from "../checkpoint.ts";
import { diffusersCheckpoint } from "../diffusersCheckpoint.ts";
import { ldmCheckpoint } from "../ldmCheckpoint.ts";
import { directoryFiles, ifThere } from "./directoryFiles.ts";

/**
 * Opens a checkpoint on disk: a directory in diffusers' layout (whole files, fp16 variants, shards), or a single
 * `.safetensors` file in the original layout with, beside it, a `tokenizer/` folder.
 *
 * @throws {CheckpointError} if there is nothing at the path, or something else; `SafetensorsError` for a file that is
 *   damaged, or a pickle (`.ckpt`, `.bin`), which is refused
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const stats = await ifThere(stat(path));
  if (!stats) {
    throw new CheckpointError(
      `${path} does not exist. A checkpoint is a directory in diffusers' layout (with unet/, vae/, text_encoder/, ` +
        "tokenizer/, scheduler/), or a single .safetensors file.",
    );
  }
  if (stats.isDirectory()) return diffusersCheckpoint(directoryFiles(path));
  const source = await openWeights(path);
  try {
    return ldmCheckpoint(source, path, directoryFiles(dirname(path)));
  } catch (error) {
    await source.close?.();
    throw error;
  }
}
