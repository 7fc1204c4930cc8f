import { Tokenizer } from "@huggingface/tokenizers";

/** A token in a tokenizer config: its text, or a record of it. */
type TokenName = string | { content: string } | null;

/** The fields of `tokenizer_config.json` (or `special_tokens_map.json`) that matter here. */
export type ClipTokenizerConfig = {
  bos_token?: TokenName;
  eos_token?: TokenName;
  /** What fills up to the length: <|endoftext|> in Stable Diffusion 1, "!" in 2. */
  pad_token?: TokenName;
  model_max_length?: number;
};

/** The contents of a checkpoint's `tokenizer/` folder. */
export type ClipTokenizerFiles = {
  /** `vocab.json`: token → id. */
  vocab: Record<string, number>;
  /** `merges.txt`: a version line, then one merge per line, the first to be applied first. */
  merges: string;
  config?: ClipTokenizerConfig;
  /** Tokens of textual inversions and the ids that each becomes; found anywhere in a text, upper and lower case alike. */
  added?: Record<string, readonly number[]>;
};

export type ClipTokenizer = {
  /** How many ids `encode` gives: 77. */
  length: number;
  /** Text → [length] ids: <|startoftext|>, tokens, <|endoftext|>, padding. What does not fit is cut off; see `dropped`. */
  encode(text: string): Int32Array;
  /** All tokens of the text, however many, without the two special ones around them and without padding. */
  tokens(text: string): string[];
  /** The tokens that `encode` cuts off; [] for a text that fits. */
  dropped(text: string): string[];
};

/** A character has bytes that the vocabulary holds no token for. No vocabulary that was made by CLIP's rules lacks any. */
export class UnknownCharacterError extends Error {
  override name = "UnknownCharacterError";
  character: string;
  /** Counted in characters (code points) from 0, after normalisation to NFC. */
  position: number;

  constructor(character: string, position: number, text: string) {
    const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    super(
      `clipTokenizer: the vocabulary has no token for "${character}" (U+${code}), character ${position} of ` +
        `${JSON.stringify(text)}. Leave it out, or use a vocab.json that holds all 256 byte symbols.`,
    );
    this.character = character;
    this.position = position;
  }
}

/** CLIP's words: contractions, runs of letters, single digits, runs of anything else that is not space. */
const word = String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;
/** What a token unknown to the vocabulary becomes; no text yields it, so it can be told apart. */
const unknown = "";

/**
 * CLIP's tokenizer: NFC, white space collapsed, lower case, then byte-level BPE where "</w>" ends a word (Radford et al.
 * 2021; `simple_tokenizer.py` of openai/CLIP), as transformers' CLIPTokenizer has it. HTML entities are left as they are.
 *
 * The merging is @huggingface/tokenizers', given the same description as a checkpoint's `tokenizer.json` would hold;
 * Stable Diffusion ships only the two files that it is made from.
 *
 * @throws Error if the vocabulary lacks one of the special tokens; `UnknownCharacterError` from all three functions
 */
export function clipTokenizer({ vocab, merges, config = {}, added = {} }: ClipTokenizerFiles): ClipTokenizer {
  const special = (field: keyof ClipTokenizerConfig, name: TokenName | undefined, otherwise: string) => {
    const content = (typeof name === "string" ? name : name?.content) ?? otherwise;
    if (Object.hasOwn(vocab, content)) return { id: vocab[content], content };
    throw new Error(
      `clipTokenizer: ${field} "${content}" is not among the ${Object.keys(vocab).length} tokens of vocab.json.`,
    );
  };
  const bos = special("bos_token", config.bos_token, "<|startoftext|>");
  const eos = special("eos_token", config.eos_token, "<|endoftext|>");
  const pad = special("pad_token", config.pad_token, eos.content);
  const length = config.model_max_length ?? 77;
  const ofFirst = new Map(Object.entries(added).map(([token, ids]) => [ids[0], { token, ids }]));

  const bpe = new Tokenizer(
    {
      added_tokens: [
        ...[bos, eos].map((token) => ({ ...token, special: true, normalized: false })),
        ...Object.entries(added).map(([token, [id]]) => ({
          id,
          content: token.toLowerCase(),
          special: false,
          normalized: true,
        })),
      ],
      normalizer: {
        type: "Sequence",
        normalizers: [
          { type: "NFC" },
          { type: "Replace", pattern: { Regex: String.raw`\s+` }, content: " " },
          { type: "Lowercase" },
        ],
      },
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "Split", pattern: { Regex: word }, behavior: "Removed", invert: true },
          { type: "ByteLevel", add_prefix_space: false, use_regex: false },
        ],
      },
      model: {
        type: "BPE",
        vocab,
        merges: merges.split(/\r?\n/).filter((line) => line && !line.startsWith("#version")),
        unk_token: unknown,
        end_of_word_suffix: "</w>",
      },
      post_processor: null,
      decoder: null,
    },
    {},
  );
  // Added tokens are looked for before the normalizer is at work.
  const cased = (text: string) => (ofFirst.size ? text.toLowerCase() : text);
  const tokenize = (text: string) => bpe.encode(cased(text), { add_special_tokens: false });

  function checked(text: string): { ids: number[]; tokens: string[] } {
    const result = tokenize(text);
    if (result.tokens.includes(unknown)) {
      const characters = [...text.normalize("NFC")];
      // alone, a character ends its word; doubled, it is also once inside
      const lacks = (c: string) => tokenize(c).tokens.includes(unknown) || tokenize(c + c).tokens.includes(unknown);
      const position = characters.findIndex(lacks);
      throw new UnknownCharacterError(characters[position], position, text);
    }
    // A token of a textual inversion is one piece of the text and as many ids as it has vectors.
    const pieces = [...result.ids].map((id, i) => ofFirst.get(id) ?? { token: result.tokens[i], ids: [id] });
    return {
      ids: pieces.flatMap(({ ids }) => ids),
      tokens: pieces.flatMap(({ token, ids }) => ids.map((_, i) => (i ? `${token}_${i}` : token))),
    };
  }

  return {
    length,
    encode(text) {
      const ids = checked(text).ids.slice(0, length - 2);
      return Int32Array.of(bos.id, ...ids, eos.id, ...Array(length - 2 - ids.length).fill(pad.id));
    },
    tokens: (text) => checked(text).tokens,
    dropped: (text) => checked(text).tokens.slice(length - 2),
  };
}
