import {
  LoraError,
  readLora,
  runtimeLora,
  withLora,
  withTokens,
  type Lora,
  type Part,
  type RuntimeLora,
  type TextualInversion,
} from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { CheckpointError, type Checkpoint } from "./checkpoint.ts";

/** A LoRA file that a checkpoint shall be used with. */
export interface LoraOptions {
  /** What it is called, for people: its file's name, say. */
  readonly name: string;
  readonly source: WeightSource;
  /** Default 1. */
  readonly weight?: number;
  /**
   * Kept beside the weights instead of merged into them (default false), so that each generation may give it another weight
   * (`loraWeights`), at the cost of two thin layers for each that it changes.
   */
  readonly apart?: boolean;
}

/** LoRAs kept apart, each as it was read. */
export type ApartLora = LoraOptions & { readonly lora: Lora };

/** The input by which the program of a network with LoRAs beside it is told the weight of the one numbered `index`. */
const weightInput = (index: number) => `lora_weight.${index}`;

/** Weights of LoRAs kept apart, as inputs of the programs of the networks that have them: see `besides`. */
export const weightInputs = (loras: readonly ApartLora[], weights: Readonly<Record<string, number>> = {}) =>
  Object.fromEntries(loras.map(({ name, weight = 1 }, i) => [weightInput(i), [weights[name] ?? weight]]));

/** A text encoder or UNet with LoRAs kept apart. */
export const besides = (loras: readonly ApartLora[], network: RuntimeLora): Promise<RuntimeLora> =>
  loras.reduce(async (before, { lora, name }, i) => {
    const { graph, weights } = await before;
    return naming(name, () => runtimeLora(graph, weights, lora, weightInput(i)));
  }, Promise.resolve(network));

/** Reads the LoRAs that are to be kept apart. */
export const readApart = (loras: readonly LoraOptions[]): Promise<ApartLora[]> =>
  Promise.all(
    loras
      .filter(({ apart }) => apart)
      .map(async (options) => ({ ...options, lora: await naming(options.name, () => readLora(options.source)) })),
  );

async function naming<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LoraError)) throw error;
    throw new CheckpointError(`${name}: ${error.message}`, { cause: error });
  }
}

/** A checkpoint with LoRAs merged into its weights and textual inversions' rows after its embeddings, as they are read. */
export async function adapted(
  checkpoint: Checkpoint,
  loras: readonly LoraOptions[],
  embeddings: readonly TextualInversion[],
): Promise<Checkpoint> {
  const read: [Lora, LoraOptions][] = [];
  for (const options of loras.filter(({ apart }) => !apart))
    read.push([await naming(options.name, () => readLora(options.source)), options]);
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
