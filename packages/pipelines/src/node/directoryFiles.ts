import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { openCheckpoint as openWeights } from "@tessera/safetensors/node";
import type { WeightSource } from "@tessera/safetensors";
import type { CheckpointFiles } from "../checkpointFiles.ts";
import { weightFiles } from "../diffusersCheckpoint.ts";

/** The files of a checkpoint in a folder. */
export function directoryFiles(root: string): CheckpointFiles {
  return {
    location: root,
    text: (path) => ifThere(readFile(join(root, path), "utf8")),
    weights: async (path) => ((await ifThere(stat(join(root, path)))) ? openWeights(join(root, path)) : undefined),
    list: async (folder) => (await ifThere(readdir(join(root, folder)))) ?? [],
  };
}

/** Undefined for what does not exist. */
export async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** Weights that lie in the directory itself. */
export async function weightsIn(files: CheckpointFiles): Promise<WeightSource | undefined> {
  for (const name of [...weightFiles("unet"), ...weightFiles("text_encoder")]) {
    const source = await files.weights(name);
    if (source) return source;
  }
  return undefined;
}
