import {
  LoraError,
  readLora,
  withLora,
  withTokens,
  type Lora,
  type Part,
  type TextualInversion,
} from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { CheckpointError, type Checkpoint } from "./checkpoint.ts";

/** A LoRA file that shall be merged into a checkpoint. */
export interface LoraOptions {
  /** What it is called, for people: its file's name, say. */
  readonly name: string;
  readonly source: WeightSource;
  /** Default 1. */
  readonly weight?: number;
}

/** A checkpoint with LoRAs merged into its weights and textual inversions' rows after its embeddings, as they are read. */
export async function adapted(
  checkpoint: Checkpoint,
  loras: readonly LoraOptions[],
  embeddings: readonly TextualInversion[],
): Promise<Checkpoint> {
  const naming = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LoraError)) throw error;
      throw new CheckpointError(`${name}: ${error.message}`, { cause: error });
    }
  };
  const read: [Lora, LoraOptions][] = [];
  for (const options of loras) read.push([await naming(options.name, () => readLora(options.source)), options]);
  async function weights(part: Part): Promise<WeightSource> {
    let source = await checkpoint.weights(part);
    if (part === "vae") return source;
    for (const [lora, { name, weight }] of read) source = await naming(name, () => withLora(source, lora, weight));
    return part === "text_encoder" ? withTokens(source, embeddings) : source;
  }
  // One source for a part however often it is asked for, so that programs share what they upload of it.
  const sources = new Map<Part, Promise<WeightSource>>();
  return {
    location: checkpoint.location,
    files: checkpoint.files,
    config: (part) => checkpoint.config(part),
    tokenizer: () => checkpoint.tokenizer(),
    close: () => checkpoint.close(),
    weights(part) {
      if (!sources.has(part)) sources.set(part, weights(part));
      return sources.get(part)!;
    },
  };
}
