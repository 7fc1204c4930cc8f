import { SafetensorsError } from "./SafetensorsError.ts";

/** A JSON value whose objects are maps, so that no key (`__proto__`, say) means anything to JavaScript. */
export type Json = null | boolean | number | string | Json[] | Map<string, Json>;

const numberLiteral = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const maxDepth = 16;

/**
 * Parses JSON (RFC 8259) and rejects what `JSON.parse` lets pass: keys given twice, unpaired surrogates, and nesting
 * deeper than 16. With `wholeNumbersOnly`, a whole number has one spelling: `1.0`, `1e2` and `-0` are rejected.
 * @throws {SafetensorsError} `InvalidJson` with the position, `DuplicateKey` with the key.
 */
export function parseJson(text: string, options: { wholeNumbersOnly?: boolean } = {}): Json {
  let at = 0;

  const fail: (what: string, position?: number) => never = (what, position = at) => {
    throw new SafetensorsError("InvalidJson", `The JSON is not valid at character ${position}: ${what}.`, {
      numbers: { position, length: text.length },
    });
  };

  const skipSpace = () => {
    while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  };

  const expect = (wanted: string) => {
    if (text[at] !== wanted) fail(`expected ${JSON.stringify(wanted)}, found ${JSON.stringify(text[at] ?? "the end")}`);
    at++;
  };

  const string = (): string => {
    const begin = at;
    expect('"');
    let escaped = false;
    for (let code; (code = text.charCodeAt(at)) !== 0x22; at++) {
      if (Number.isNaN(code)) fail("a string is not closed", begin);
      if (code < 0x20) fail("a control character stands in a string");
      if (code !== 0x5c) continue;
      escaped = true;
      at++;
    }
    at++;
    if (!escaped) return text.slice(begin + 1, at - 1);
    try {
      const value = JSON.parse(text.slice(begin, at)) as string;
      if (!/\p{Surrogate}/u.test(value)) return value;
    } catch {
      fail("a string has an unknown escape", begin);
    }
    return fail("a string has half of a surrogate pair", begin);
  };

  const number = (): number => {
    const begin = at;
    while (at < text.length && "+-.0123456789eE".includes(text[at]!)) at++;
    const literal = at - begin <= 64 ? text.slice(begin, at) : "";
    if (!numberLiteral.test(literal)) fail("expected a value", begin);
    const value = Number(literal);
    if (options.wholeNumbersOnly && Number.isSafeInteger(value) && String(value) !== literal) {
      fail(`${literal} must be written ${value === 0 ? 0 : value}`, begin);
    }
    return value;
  };

  const list = (close: string, member: () => void) => {
    at++;
    skipSpace();
    if (text[at] !== close) {
      for (;;) {
        member();
        skipSpace();
        if (text[at] === close) break;
        expect(",");
        skipSpace();
      }
    }
    at++;
  };

  const value = (depth: number): Json => {
    if (depth > maxDepth) fail(`nested deeper than ${maxDepth}`);
    skipSpace();
    if (text[at] === '"') return string();
    if (text[at] === "[") {
      const items: Json[] = [];
      list("]", () => items.push(value(depth + 1)));
      return items;
    }
    if (text[at] === "{") {
      const entries = new Map<string, Json>();
      list("}", () => {
        const position = at;
        const key = string();
        if (entries.has(key)) {
          throw new SafetensorsError(
            "DuplicateKey",
            `The key ${JSON.stringify(key)} is given twice, again at character ${position} of ${text.length}.`,
            { numbers: { position, length: text.length }, ...(depth === 0 && { tensor: key }) },
          );
        }
        skipSpace();
        expect(":");
        entries.set(key, value(depth + 1));
      });
      return entries;
    }
    for (const [literal, constant] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (text.startsWith(literal, at)) {
        at += literal.length;
        return constant;
      }
    }
    return number();
  };

  const result = value(0);
  skipSpace();
  if (at < text.length) fail("text follows the value");
  return result;
}
