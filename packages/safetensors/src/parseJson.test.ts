import fc from "fast-check";
import { expect, test } from "vitest";
import { type Json, parseJson } from "./parseJson.ts";

function plain(json: Json): unknown {
  if (json instanceof Map) return Object.fromEntries([...json].map(([key, value]) => [key, plain(value)]));
  return Array.isArray(json) ? json.map(plain) : json;
}

test("agrees with JSON.parse on every value", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat(4), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      fc.pre(!/\\ud[89a-f]/.test(text));
      expect(plain(parseJson(text))).toEqual(JSON.parse(text));
    }),
  );
});

test("accepts no text that JSON.parse rejects", () => {
  const pieces = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"\\',
    "1",
    "-",
    ".",
    "e",
    "+",
    "true",
    "nul",
    " ",
    "0",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 7 }), (parts) => {
      const text = parts.join("");
      let value: Json;
      try {
        value = parseJson(text);
      } catch {
        return;
      }
      expect(plain(value)).toEqual(JSON.parse(text));
    }),
    { numRuns: 5000 },
  );
});
