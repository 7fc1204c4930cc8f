import type { WeightSource } from "@tessera/safetensors";

/** A network of a Stable Diffusion checkpoint, by its folder's name; the VAE's two halves live in one folder. */
export type Component = "text_encoder" | "unet" | "vae_encoder" | "vae_decoder";

/**
 * A checkpoint, wherever it lies: a directory, a web address, or a single file in the original layout. Names come out
 * as diffusers writes them, whatever the files call them.
 */
export interface Checkpoint {
  /** Where it is, for people. */
  readonly location: string;
  /** A parsed `config.json`: of `text_encoder`, `unet`, `vae`, or `scheduler` (its `scheduler_config.json`). */
  config(part: "text_encoder" | "unet" | "vae" | "scheduler"): Promise<Record<string, unknown>>;
  /** `vocab.json` and `merges.txt`. */
  tokenizer(): Promise<{ vocab: Record<string, number>; merges: string }>;
  /** The tensors of a component under diffusers' names. Nothing is read until it is asked for. */
  weights(part: "text_encoder" | "unet" | "vae"): Promise<WeightSource>;
  /** Closes files. */
  close(): Promise<void>;
}
