import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clipTokenizer, UnknownCharacterError } from "./clipBpe.ts";

const root = new URL("../../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root));
const json = (path: string) => JSON.parse(read(path).toString());
const files = (folder: string) => ({
  vocab: json(`${folder}/vocab.json`) as Record<string, number>,
  merges: read(`${folder}/merges.txt`).toString(),
  config: json(`${folder}/tokenizer_config.json`),
});
type Golden = { cases: { prompt: string; ids: number[]; n_untruncated: number }[] };

/** GPT-2's byte → character table in the order of CLIP's vocabulary: the printable bytes, then the rest as U+0100…. */
function byteSymbols(): string[] {
  const printable = Array.from({ length: 256 }, (_, b) => b).filter(
    (b) => (b > 32 && b < 127) || (b > 160 && b !== 173),
  );
  const rest = Array.from({ length: 256 - printable.length }, (_, i) => 256 + i);
  return [...printable, ...rest].map((code) => String.fromCharCode(code));
}

describe("as transformers' CLIPTokenizer", () => {
  const tokenizer = clipTokenizer(files("fixtures/tiny-sd/tokenizer"));
  const { cases } = json("fixtures/tiny-sd/expected_tokens.json") as Golden;

  test.each(cases)("$prompt", ({ prompt, ids, n_untruncated }) => {
    expect([...tokenizer.encode(prompt)]).toEqual(ids);
    expect(tokenizer.tokens(prompt).length + 2).toBe(n_untruncated);
    expect(tokenizer.dropped(prompt).length).toBe(Math.max(0, n_untruncated - 77));
  });

  test("townscapes: the four prompts and the empty one", () => {
    const tokenizer = clipTokenizer(files("checkpoints/townscapes-sd/tokenizer"));
    const file = read("fixtures/townscapes/expected.safetensors");
    const start = 8 + Number(file.readBigUInt64LE(0));
    const header = JSON.parse(file.toString("utf8", 8, start));
    const ids = (name: string) => {
      const [from, to] = header[name].data_offsets;
      return [...new Int32Array(new Uint8Array(file.subarray(start + from, start + to)).buffer)];
    };
    const { prompts } = json("fixtures/townscapes/expected.json") as { prompts: string[] };
    expect(prompts.flatMap((prompt) => [...tokenizer.encode(prompt)])).toEqual(ids("input_ids"));
    expect([...tokenizer.encode("")]).toEqual(ids("uncond_ids"));
  });

  /**
   * The real vocabulary is not in the repository. Its first 512 entries are known (the byte symbols, then the same ending a
   * word), so the reference prompts in which nothing merges can be checked against it; they show words, digits and ids.
   */
  test("the real vocabulary, as far as no merge is involved", () => {
    const symbols = byteSymbols();
    const tokens = [...symbols, ...symbols.map((symbol) => `${symbol}</w>`)];
    const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
    const real = clipTokenizer({
      vocab: { ...vocab, "<|startoftext|>": 49406, "<|endoftext|>": 49407 },
      merges: "#version: 0.2\n",
    });
    const golden = json("fixtures/clip_real_vocab_tokens.json") as Golden;
    const unmerged = golden.cases.filter(({ ids }) => ids.every((id) => id < 512 || id >= 49406));
    expect(unmerged.map((c) => c.prompt)).toEqual(["", "1234 5.67 8k 4K 100%", "<|startoftext|>a<|endoftext|>b"]);
    for (const { prompt, ids } of unmerged) expect([...real.encode(prompt)].slice(0, ids.length)).toEqual(ids);
  });
});

describe("any text", () => {
  const { vocab, merges, config } = files("fixtures/tiny-sd/tokenizer");
  const tokenizer = clipTokenizer({ vocab, merges, config });
  const size = Object.keys(vocab).length;
  const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme", maxLength: 200 }));

  test("gives 77 ids of the vocabulary, the first <|startoftext|>, the last <|endoftext|>", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = tokenizer.encode(text);
        expect(ids.length).toBe(77);
        expect(ids.every((id) => id >= 0 && id < size)).toBe(true);
        expect([ids[0], ids[76]]).toEqual([vocab["<|startoftext|>"], vocab["<|endoftext|>"]]);
      }),
    );
  });

  test("comes back from its tokens, but for case and white space", () => {
    const bytes = new Map(byteSymbols().map((symbol) => [symbol, -1]));
    for (let byte = 0, next = 256; byte < 256; byte++) {
      const symbol = String.fromCharCode(byte);
      bytes.set(bytes.has(symbol) ? symbol : String.fromCharCode(next++), byte);
    }
    const decode = (tokens: string[]) =>
      new TextDecoder("utf-8", { ignoreBOM: true }).decode(
        Uint8Array.from([...tokens.join("").replaceAll("</w>", "")], (symbol) => bytes.get(symbol)!),
      );
    // letters and digits only: "</w>" itself, and what Python and JavaScript call space, would need care
    const letters = fc.string({ unit: fc.constantFrom(..."abcxyz0189éßñжΩ猫モ🦊 ") });
    fc.assert(
      fc.property(letters, (text) => {
        expect(decode(tokenizer.tokens(text))).toBe(text.normalize("NFC").toLowerCase().replaceAll(" ", ""));
      }),
    );
  });

  test("a lone surrogate is U+FFFD, as in every UTF-8 encoder", () => {
    expect(tokenizer.tokens("\ud800")).toEqual(tokenizer.tokens("\ufffd"));
  });
});

describe("vocabularies and configs", () => {
  const { vocab, merges, config } = files("fixtures/tiny-sd/tokenizer");
  const without = (...names: string[]) =>
    Object.fromEntries(Object.entries(vocab).filter(([token]) => !names.includes(token)));

  test("a vocabulary without a byte names the character, where it is, and what to do", () => {
    const tokenizer = clipTokenizer({ vocab: without("©</w>"), merges, config }); // é = C3 A9
    expect(tokenizer.encode("cafe").length).toBe(77);
    let error: unknown;
    try {
      tokenizer.encode("un cafe\u0301");
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(UnknownCharacterError);
    expect(error).toMatchObject({ character: "é", position: 6 });
    expect(String(error)).toMatch(/no token for "é" \(U\+00E9\), character 6 .* Leave it out/);
  });

  test("also when the byte is missing inside of words only", () => {
    const tokenizer = clipTokenizer({ vocab: without("@"), merges, config });
    expect(tokenizer.tokens("a @")).toEqual(["a</w>", "@</w>"]);
    expect(() => tokenizer.encode("a @!")).toThrow(/no token for "@" \(U\+0040\), character 2/);
  });

  test("a literal <|endoftext|> is not an unknown character", () => {
    expect(clipTokenizer({ vocab, merges, config }).tokens("a <|endoftext|>")).toEqual(["a</w>", "<|endoftext|>"]);
  });

  test("pad_token and model_max_length come from the config, as Stable Diffusion 2 needs", () => {
    const tokenizer = clipTokenizer({ vocab, merges, config: { ...config, pad_token: "!", model_max_length: 6 } });
    const [bos, eos] = [vocab["<|startoftext|>"], vocab["<|endoftext|>"]];
    expect([...tokenizer.encode("a")]).toEqual([bos, vocab["a</w>"], eos, 0, 0, 0]);
    expect([...tokenizer.encode("a a a a a a")]).toEqual([bos, ...Array(4).fill(vocab["a</w>"]), eos]);
    expect(tokenizer.dropped("a a a a a b")).toEqual(["a</w>", "b</w>"]);
  });

  test("special tokens must be in the vocabulary", () => {
    expect(() => clipTokenizer({ vocab: without("<|startoftext|>"), merges })).toThrow(/bos_token "<\|startoftext\|>"/);
    expect(() => clipTokenizer({ vocab, merges, config: { pad_token: "[PAD]" } })).toThrow(/pad_token "\[PAD\]"/);
  });
});
