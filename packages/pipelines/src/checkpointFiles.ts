import type { ClipTokenizerConfig, ClipTokenizerFiles, Part } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { CheckpointError } from "./checkpoint.ts";

/** Files by their path under a checkpoint's root, on a disk or on the web. Absent files are undefined, not errors. */
export interface CheckpointFiles {
  /** Where the root is, for people. */
  readonly location: string;
  text(path: string): Promise<string | undefined>;
  /** A `.safetensors` file, or the shards of a `.json` index. */
  weights(path: string): Promise<WeightSource | undefined>;
  /** Names in a folder, where that can be known. */
  list?(folder: string): Promise<string[]>;
}

/** `unet/config.json` and so on, or, of no part, the `config.json` in the root; undefined if there is none. */
export async function configIn(
  files: CheckpointFiles,
  part?: Part | "scheduler",
): Promise<Record<string, unknown> | undefined> {
  const path = part === "scheduler" ? "scheduler/scheduler_config.json" : part ? `${part}/config.json` : "config.json";
  return parsed(files, path);
}

/** The contents of `tokenizer/`; undefined if there is none. */
export async function tokenizerIn(files: CheckpointFiles): Promise<ClipTokenizerFiles | undefined> {
  const vocab = await parsed(files, "tokenizer/vocab.json");
  const merges = await files.text("tokenizer/merges.txt");
  if (!vocab || merges === undefined) return undefined;
  const config = await parsed(files, "tokenizer/tokenizer_config.json");
  return { vocab: vocab as Record<string, number>, merges, config: config as ClipTokenizerConfig | undefined };
}

/** A JSON object in a file; undefined if there is no file. */
export async function parsed(files: CheckpointFiles, path: string): Promise<Record<string, unknown> | undefined> {
  const text = await files.text(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new CheckpointError(`${path} in ${files.location} is not JSON: ${reason}. Download it again.`, { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CheckpointError(`${path} in ${files.location} must hold a JSON object. Download it again.`);
}
