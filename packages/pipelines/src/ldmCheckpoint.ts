import { isLdm, ldmNames, parseUNetConfig, parseVaeConfig, sd15, type Part } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { CheckpointError, type Checkpoint } from "./checkpoint.ts";
import { configIn, tokenizerIn, type CheckpointFiles } from "./checkpointFiles.ts";

/**
 * A single file in the layout of the original Stable Diffusion repository (CompVis/stable-diffusion). It holds no
 * configs and no tokenizer: both are taken from folders beside it (`unet/config.json`, `tokenizer/vocab.json` …);
 * configs that are not there are Stable Diffusion 1.5's, of the inpainting model if the UNet has its 9 channels.
 */
export function ldmCheckpoint(source: WeightSource, location: string, beside: CheckpointFiles): Checkpoint {
  if (!isLdm(source)) {
    throw new CheckpointError(
      `${location} is no Stable Diffusion checkpoint in one file: no tensor's name begins with model.diffusion_model. ` +
        "If it is one part of a checkpoint, give the directory that holds all parts.",
    );
  }
  const [, in_channels] = source.info("model.diffusion_model.input_blocks.0.0.weight")?.shape ?? [];
  const config = async (part: Part | "scheduler"): Promise<Record<string, unknown>> => {
    const file = await configIn(beside, part);
    if (file) return file;
    return part === "scheduler" ? sd15Scheduler : part === "unet" ? { ...sd15.unet, in_channels } : sd15[part];
  };
  const taken: Partial<Record<Part, string>> = {};
  return {
    location,
    files: taken,
    config,
    async tokenizer() {
      const found = await tokenizerIn(beside);
      if (found) return found;
      throw new CheckpointError(
        `${location} holds no tokenizer, as no single-file checkpoint does. Put tokenizer/vocab.json and ` +
          `tokenizer/merges.txt of any Stable Diffusion 1.x checkpoint into ${beside.location}.`,
      );
    },
    async weights(part) {
      taken[part] = location;
      const unet = parseUNetConfig(await config("unet"));
      const vae = parseVaeConfig(await config("vae"));
      return ldmNames(part, source, { unet, vae });
    },
    close: async () => source.close?.(),
  };
}

/** The noise schedule that Stable Diffusion 1.x was trained on (its `scheduler_config.json`). */
export const sd15Scheduler = {
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: "scaled_linear",
  set_alpha_to_one: false,
  steps_offset: 1,
  clip_sample: false,
  prediction_type: "epsilon",
} as const;
