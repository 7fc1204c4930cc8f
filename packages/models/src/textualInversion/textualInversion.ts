import { toFloat32, type WeightSource } from "@tessera/safetensors";
import type { ClipTextConfig } from "../sd15/config.ts";

/** A word that was learnt (Gal et al. 2023): one or more rows for the text encoder's embedding table. */
export interface TextualInversion {
  /** As prompts write it, upper and lower case alike: `<cat-toy>`, `easynegative`. */
  readonly token: string;
  /** [rows, hidden_size] */
  readonly vectors: Float32Array;
  readonly rows: number;
}

/** An embedding file cannot be read, or was made for another text encoder. */
export class TextualInversionError extends Error {
  override readonly name = "TextualInversionError";
}

/**
 * Reads an embedding: diffusers' files hold one tensor, named by its token; AUTOMATIC1111's hold `emb_params`, and the token
 * is the file's name.
 *
 * @param name what prompts shall write; default the token that the file gives
 * @throws {TextualInversionError} for other files, and for one without a token if no name is given
 */
export async function readTextualInversion(source: WeightSource, name?: string): Promise<TextualInversion> {
  const names = [...source.names()];
  if (names.length !== 1)
    throw new TextualInversionError(
      `This is no textual inversion of CLIP's: it holds ${names.length} tensors (${names.slice(0, 4).join(", ")}), ` +
        "expected one. Embeddings for Stable Diffusion XL hold two.",
    );
  const { shape } = source.info(names[0])!;
  if (shape.length < 1 || shape.length > 2)
    throw new TextualInversionError(
      `${names[0]} has shape [${shape.join(" ")}], but a textual inversion is [rows e] or [e].`,
    );
  const token = name ?? (names[0] === "emb_params" ? undefined : names[0]);
  if (!token) throw new TextualInversionError("The embedding says no token (emb_params). Give it a name.");
  return { token, vectors: toFloat32(await source.get(names[0])), rows: shape.length === 2 ? shape[0] : 1 };
}

/** The ids that new tokens get, after the table's own, for `clipTokenizer`; and the table's new size. */
export function addTokens(
  { vocab_size, hidden_size }: Pick<ClipTextConfig, "vocab_size" | "hidden_size">,
  embeddings: readonly TextualInversion[],
): { added: Record<string, number[]>; vocab_size: number } {
  const added: Record<string, number[]> = {};
  for (const { token, rows, vectors } of embeddings) {
    if (vectors.length !== rows * hidden_size)
      throw new TextualInversionError(
        `${token} has rows of ${vectors.length / rows} numbers, the text encoder's are of ${hidden_size}. ` +
          "It was made for another model (Stable Diffusion 1 has 768, 2 has 1024).",
      );
    if (Object.hasOwn(added, token)) throw new TextualInversionError(`There are two embeddings called ${token}.`);
    added[token] = Array.from({ length: rows }, (_, i) => vocab_size + i);
    vocab_size += rows;
  }
  return { added, vocab_size };
}

/** A text encoder's weights with the new tokens' rows at the end of its table, in the order of `addTokens`. */
export function withTokens(source: WeightSource, embeddings: readonly TextualInversion[]): WeightSource {
  const table = "text_model.embeddings.token_embedding.weight";
  const info = source.info(table);
  if (!embeddings.length || !info) return source;
  const [rows, width] = info.shape;
  const shape = [embeddings.reduce((sum, e) => sum + e.rows, rows), width];
  const bytes = 4 * shape[0] * width;
  return {
    names: () => source.names(),
    info: (name) => (name === table ? { ...info, dtype: "F32", shape, bytes } : source.info(name)),
    async get(name, options) {
      if (name !== table) return source.get(name, options);
      const whole = new Float32Array(shape[0] * width);
      whole.set(toFloat32(await source.get(table, options)));
      let at = rows * width;
      for (const { vectors } of embeddings) {
        whole.set(vectors, at);
        at += vectors.length;
      }
      return { dtype: "F32", shape, data: new Uint8Array(whole.buffer) };
    },
    close: async () => source.close?.(),
  };
}
