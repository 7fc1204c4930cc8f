import { diffusersNames, type Part } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { CheckpointError, type Checkpoint } from "./checkpoint.ts";
import { configIn, tokenizerIn, type CheckpointFiles } from "./checkpointFiles.ts";

/**
 * A checkpoint in diffusers' layout: a folder per part, each with a `config.json` and weights. Full precision is
 * taken where it is there, else a variant; whole files before shards.
 *
 * @param variant which to look for first, such as "fp16"; spares a web server questions about files that it lacks
 */
export function diffusersCheckpoint(files: CheckpointFiles, { variant = "" } = {}): Checkpoint {
  const opened = new Map<Part, Promise<WeightSource>>();
  const taken: Partial<Record<Part, string>> = {};
  const absent = (what: string, advice: string) =>
    new CheckpointError(`There is no ${what} in ${files.location}. ${advice}`);

  async function open(part: Part): Promise<WeightSource> {
    for (const name of weightFiles(part, variant)) {
      const source = await files.weights(`${part}/${name}`);
      if (!source) continue;
      taken[part] = `${part}/${name}`;
      return diffusersNames(source);
    }
    const pickles = ((await files.list?.(part)) ?? []).filter((name) => /\.(bin|ckpt|pt)$/.test(name));
    if (pickles.length) {
      throw absent(
        `${part}/*.safetensors`,
        `${pickles[0]} is a pickle: loading one runs code from it, so it is refused. Download the .safetensors ` +
          `variant, or convert in Python with save_pretrained(…, safe_serialization=True).`,
      );
    }
    throw absent(
      `${part}/${weightFiles(part)[0]}, nor an fp16 variant or an index of shards`,
      "Check the path, or download the missing files.",
    );
  }

  return {
    location: files.location,
    files: taken,
    async config(part) {
      const config = await configIn(files, part);
      if (config) return config;
      const path = part === "scheduler" ? "scheduler/scheduler_config.json" : `${part}/config.json`;
      throw absent(path, "A checkpoint is a directory in diffusers' layout, or a single .safetensors file.");
    },
    async tokenizer() {
      const found = await tokenizerIn(files);
      if (found) return found;
      throw absent("tokenizer/vocab.json with tokenizer/merges.txt", "Download both beside the other folders.");
    },
    weights(part) {
      const source = opened.get(part) ?? open(part);
      opened.set(part, source);
      return source;
    },
    async close() {
      const sources = await Promise.allSettled(opened.values());
      opened.clear();
      for (const source of sources) if (source.status === "fulfilled") await source.value.close?.();
    },
  };
}

/** Names that diffusers and transformers give to weights (`_add_variant` puts the variant before the last dot). */
export function weightFiles(part: Part, first = ""): string[] {
  const stem = part === "text_encoder" ? "model" : "diffusion_pytorch_model";
  return [...new Set([first, "", "fp16", "bf16"])].flatMap((variant) => {
    const dotted = variant && `.${variant}`;
    return [`${stem}${dotted}.safetensors`, `${stem}.safetensors.index${dotted}.json`];
  });
}
