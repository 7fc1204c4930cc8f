import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { architecture, architectureNames, isLdm, networksOf, type Networks, type Part } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { openCheckpoint as openWeights } from "@tessera/safetensors/node";
import { CheckpointError } from "../checkpoint.ts";
import { configIn, type CheckpointFiles } from "../checkpointFiles.ts";
import { controlNetFrom } from "../controlNet.ts";
import { diffusersCheckpoint } from "../diffusersCheckpoint.ts";
import { ldmCheckpoint } from "../ldmCheckpoint.ts";
import { directoryFiles, ifThere, weightsIn } from "./directoryFiles.ts";

/** The networks of a checkpoint, whichever model it is of. */
export interface OpenNetworks {
  readonly location: string;
  readonly networks: Networks;
  /** A network's tensors under the names that its graph asks for. */
  weights(name: string): Promise<WeightSource>;
  close(): Promise<void>;
}

const parts = ["text_encoder", "unet", "vae"] as const satisfies Part[];

/**
 * Opens what any model here can be run from: a directory in diffusers' layout, with folders for its parts or for one network
 * alone; a directory with `config.json` and `model.safetensors`; or a `.safetensors` file, a whole checkpoint in the original
 * layout or one network with its `config.json` beside it. Weights need not be there until they are asked for.
 *
 * @param as the architecture's name, if no config says what the weights are of
 * @throws {CheckpointError} if there is nothing at the path, or nothing that is known here; `ConfigError` for a config of
 *   another network; `SafetensorsError` for a file that is damaged, or a pickle
 */
export async function openNetworks(path: string, as?: string): Promise<OpenNetworks> {
  const found = await ifThere(stat(path));
  if (!found) {
    throw new CheckpointError(
      `${path} does not exist.${architecture(path) ? " An architecture of that name is known, but its weights must be in a file." : ""} ` +
        "A checkpoint is a directory in diffusers' layout, one with config.json and model.safetensors, or a .safetensors file.",
    );
  }
  const named = as === undefined ? undefined : architecture(as);
  if (as !== undefined && !named)
    throw new CheckpointError(`There is no architecture ${as}. There are ${architectureNames.join(", ")}.`);
  const isFolder = found.isDirectory();
  const files = directoryFiles(isFolder ? path : dirname(path));
  const file = isFolder ? undefined : await openWeights(path);
  try {
    return await open(path, files, file, named);
  } catch (error) {
    await file?.close?.();
    throw error;
  }
}

async function open(
  location: string,
  files: CheckpointFiles,
  file: WeightSource | undefined,
  named: Networks | undefined,
): Promise<OpenNetworks> {
  const checkpoint = file && isLdm(file) ? ldmCheckpoint(file, location, files) : diffusersCheckpoint(files);
  const configs = await Promise.all(parts.map((part) => configIn(files, part)));
  const isWhole = file ? isLdm(file) : configs.some((config) => config !== undefined);
  const source = isWhole ? undefined : (file ?? (await weightsIn(files)));

  async function networksOfParts(): Promise<Networks> {
    const present = parts.filter((_, i) => file || configs[i]);
    return Object.assign(
      {},
      ...(await Promise.all(present.map(async (part) => networksOf(await checkpoint.config(part))))),
    );
  }

  async function networksOfOne(): Promise<Networks> {
    const config = await configIn(files);
    if (config) return networksOf(config, source);
    if (file?.info("controlnet_mid_block.weight") || file?.info("control_model.input_hint_block.0.weight"))
      return networksOf(controlNetFrom(file, location).config);
    throw new CheckpointError(
      `${location} has no config.json${file ? " beside it" : ", nor folders unet/, vae/, text_encoder/ with one"}. If it is ` +
        `weights alone, say of which architecture: ${architectureNames.join(", ")}.`,
    );
  }

  const networks = named ?? (isWhole ? await networksOfParts() : await networksOfOne());
  return {
    location,
    networks,
    async weights(name) {
      const part = parts.find((folder) => name.startsWith(folder));
      if (source) return networks[name].weights(source);
      if (part) return networks[name].weights(await checkpoint.weights(part));
      throw new CheckpointError(`There is no model.safetensors or diffusion_pytorch_model.safetensors in ${location}.`);
    },
    async close() {
      await checkpoint.close();
      await source?.close?.();
    },
  };
}
