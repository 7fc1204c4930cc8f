import type { ClipTokenizerFiles, Part } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";

/** A network of a Stable Diffusion checkpoint, by its folder's name; the VAE's two halves live in one folder. */
export type Component = "text_encoder" | "unet" | "vae_encoder" | "vae_decoder";

/** Every component, in the order in which a prompt meets them. */
export const components = ["text_encoder", "unet", "vae_encoder", "vae_decoder"] as const satisfies Component[];

/** Whose file holds a component's weights. */
export const partOf = (component: Component): Part =>
  component === "vae_encoder" || component === "vae_decoder" ? "vae" : component;

/**
 * A checkpoint, wherever it lies: a directory, a web address, or a single file in the original layout. Names come out
 * as diffusers writes them, whatever the files call them.
 */
export interface Checkpoint {
  /** Where it is, for people. */
  readonly location: string;
  /** Which file each part's weights were found in, of those that have been opened. */
  readonly files: Readonly<Partial<Record<Part, string>>>;
  /** A parsed `config.json`: of `text_encoder`, `unet`, `vae`, or `scheduler` (its `scheduler_config.json`). */
  config(part: Part | "scheduler"): Promise<Record<string, unknown>>;
  /** `vocab.json`, `merges.txt` and, where there is one, `tokenizer_config.json`. */
  tokenizer(): Promise<ClipTokenizerFiles>;
  /** The tensors of a component under diffusers' names. Nothing is read until it is asked for. */
  weights(part: Part): Promise<WeightSource>;
  /** Closes files. */
  close(): Promise<void>;
}

/** A checkpoint lacks a file, or holds one that cannot be used. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
}
