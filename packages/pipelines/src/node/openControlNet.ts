import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { openCheckpoint as openWeights } from "@tessera/safetensors/node";
import { CheckpointError } from "../checkpoint.ts";
import { controlNetFrom, type ControlNet } from "../controlNet.ts";
import { weightFiles } from "../diffusersCheckpoint.ts";

/**
 * Opens a ControlNet on disk: a directory with `config.json` and weights, as diffusers saves it, or a single
 * `.safetensors` file, diffusers' or the original one, for Stable Diffusion 1.x.
 *
 * @throws {CheckpointError} if there is none at the path; `SafetensorsError` for a file that is damaged, or a pickle
 */
export async function openControlNet(path: string): Promise<ControlNet> {
  const there = (file: string) => stat(file).catch(() => undefined);
  const found = await there(path);
  if (!found) {
    throw new CheckpointError(
      `${path} does not exist. A ControlNet is a directory with config.json and diffusion_pytorch_model.safetensors, or a .safetensors file.`,
    );
  }
  if (!found.isDirectory()) return open(path);
  for (const name of weightFiles("controlnet")) {
    if (!(await there(join(path, name)))) continue;
    const json = await readFile(join(path, "config.json"), "utf8").catch(() => undefined);
    if (json === undefined) throw new CheckpointError(`${path} has no config.json. Download it beside ${name}.`);
    return open(join(path, name), path, parsed(json, join(path, "config.json")));
  }
  throw new CheckpointError(
    `There is no ${weightFiles("controlnet")[0]} in ${path}, nor an fp16 variant or an index of shards.`,
  );
}

async function open(file: string, location = file, config?: object): Promise<ControlNet> {
  const source = await openWeights(file);
  try {
    return controlNetFrom(source, location, config);
  } catch (error) {
    await source.close?.();
    throw error;
  }
}

function parsed(json: string, path: string): object {
  try {
    return JSON.parse(json) as object;
  } catch (cause) {
    throw new CheckpointError(`${path} is not JSON: ${(cause as Error).message}. Download it again.`, { cause });
  }
}
