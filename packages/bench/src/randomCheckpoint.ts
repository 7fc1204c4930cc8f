import { componentGraph, sd15, type Part } from "@tessera/models";
import type { Checkpoint } from "@tessera/pipelines";
import type { WeightSource } from "@tessera/safetensors";
import { randomWeights } from "./randomNumbers.ts";

/** Stable Diffusion 1.5 with random weights in half floats, on which no speed depends. It understands the empty prompt. */
export function randomCheckpoint(): Checkpoint {
  const graphs = {
    text_encoder: [componentGraph({ component: "text_encoder", config: sd15.text_encoder })],
    unet: [componentGraph({ component: "unet", config: sd15.unet })],
    vae: [
      componentGraph({ component: "vae_encoder", config: sd15.vae }),
      componentGraph({ component: "vae_decoder", config: sd15.vae }),
    ],
  };
  const scheduler = {
    _class_name: "DDIMScheduler",
    beta_start: 0.00085,
    beta_end: 0.012,
    beta_schedule: "scaled_linear",
    num_train_timesteps: 1000,
    set_alpha_to_one: false,
    steps_offset: 1,
    clip_sample: false,
  };
  const configs = { ...sd15, scheduler } as unknown as Record<Part | "scheduler", Record<string, unknown>>;
  return {
    location: "random weights",
    files: {},
    config: async (part) => configs[part],
    tokenizer: async () => ({
      vocab: { "<|startoftext|>": 49406, "<|endoftext|>": 49407 },
      merges: "#version: 0.2\n",
    }),
    async weights(part): Promise<WeightSource> {
      const sources = graphs[part as keyof typeof graphs].map((graph) => randomWeights(graph));
      const of = (name: string) => sources.find((source) => source.info(name)) ?? sources[0];
      return {
        names: () => sources.flatMap((source) => [...source.names()])[Symbol.iterator](),
        info: (name) => of(name).info(name),
        get: (name) => of(name).get(name),
      };
    },
    close: async () => {},
  };
}
