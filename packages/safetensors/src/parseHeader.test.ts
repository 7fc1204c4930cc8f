import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseHeader, parseHeaderLength } from "./parseHeader.ts";
import { SafetensorsError } from "./SafetensorsError.ts";

/** A file of this header text (or bytes) and this many bytes of data. */
function file(header: string | Uint8Array, dataBytes = 0): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const parse = (bytes: Uint8Array, limits = {}) => parseHeader(bytes, bytes.length, limits);
const entry = (begin: number, end: number, shape = `[${end - begin}]`, dtype = "U8") =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;
const withLength = (length: bigint, rest = 8) => {
  const bytes = new Uint8Array(8 + rest);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
};
const ascii = (text: string) => new TextEncoder().encode(text);
const deep = "[".repeat(100_000);

function rejection(bytes: Uint8Array, limits = {}): SafetensorsError {
  try {
    parse(bytes, limits);
  } catch (error) {
    expect(error).toBeInstanceOf(SafetensorsError);
    return error as SafetensorsError;
  }
  throw new Error("The header was accepted.");
}

describe("what is accepted", () => {
  test("an empty file of no tensors", () => {
    expect(parse(file("{}")).tensors.size).toBe(0);
  });

  test("scalars, tensors without elements, padding, metadata and names special to JavaScript", () => {
    const json =
      `{"__proto__":${entry(2, 4)},"scalar":${entry(0, 2, "[]", "F16")},"none":${entry(2, 2, "[3,0]", "F32")},` +
      `"__metadata__":{"constructor":"x"}}     `;
    const header = parse(file(json, 4));
    expect([...header.tensors.keys()]).toEqual(["scalar", "none", "__proto__"]);
    expect(header.tensors.get("__proto__")).toEqual({
      name: "__proto__",
      dtype: "U8",
      shape: [2],
      bytes: 2,
      begin: 8 + json.length + 2,
      end: 8 + json.length + 4,
    });
    expect([...header.metadata]).toEqual([["constructor", "x"]]);
  });

  test("escapes in names", () => {
    expect([...parse(file(`{"a\\u00e9\\"\\n😀":${entry(0, 0)}}`)).tensors.keys()]).toEqual(['aé"\n😀']);
  });
});

describe("what is rejected", () => {
  const cases: [what: string, bytes: Uint8Array, code: string, tensor?: string, numbers?: Record<string, number>][] = [
    ["an empty file", new Uint8Array(0), "HeaderTooSmall", undefined, { expected: 8, actual: 0 }],
    ["7 bytes", new Uint8Array(7), "HeaderTooSmall", undefined, { expected: 8, actual: 7 }],
    [
      "a header beyond the cap",
      withLength(100_000_001n),
      "HeaderTooLarge",
      undefined,
      { length: 100_000_001, limit: 100_000_000 },
    ],
    ["a length of 2^64 - 1", withLength(2n ** 64n - 1n), "HeaderTooLarge"],
    ["a length beyond 2^53", withLength(2n ** 53n + 1n), "HeaderTooLarge"],
    ["a header beyond the file", withLength(9n), "InvalidHeaderLength", undefined, { headerEnd: 17, fileSize: 16 }],
    ["no header", withLength(0n, 0), "InvalidJson"],
    ["invalid UTF-8", file(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])), "InvalidUtf8"],
    ["an overlong encoding", file(new Uint8Array([0x7b, 0xc0, 0xaf, 0x7d])), "InvalidUtf8"],
    ["a byte order mark", file("\ufeff{}"), "InvalidJson"],
    ["leading white space", file(" {}"), "InvalidJson"],
    ["an array", file("[]"), "InvalidJson"],
    ["a header that stops", file("{"), "InvalidJson"],
    ["a string that stops", file('{"a'), "InvalidJson"],
    ["a trailing comma", file(`{"a":${entry(0, 0)},}`), "InvalidJson"],
    ["text behind the header", file("{}{}"), "InvalidJson"],
    ["zero padding", file("{}\0\0"), "InvalidJson"],
    ["a raw control character", file(`{"a\n":${entry(0, 0)}}`), "InvalidJson"],
    ["half a surrogate pair", file(`{"\\ud800":${entry(0, 0)}}`), "InvalidJson"],
    ["an unknown escape", file(`{"\\x":${entry(0, 0)}}`), "InvalidJson"],
    ["a leading zero", file('{"a":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}', 1), "InvalidJson"],
    ["1.0 for 1", file('{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', 1), "InvalidJson"],
    ["-0 for 0", file('{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}'), "InvalidJson"],
    ["an endless number", file(`{"a":{"dtype":"U8","shape":[${"9".repeat(1e6)}]}}`), "InvalidJson"],
    ["deep nesting", file(`{"a":${deep}`), "InvalidJson"],
    ["a tensor twice", file(`{"a":${entry(0, 1)},"a":${entry(1, 2)}}`, 2), "DuplicateKey", "a"],
    ["a tensor twice, once escaped", file(`{"a":${entry(0, 1)},"\\u0061":${entry(1, 2)}}`, 2), "DuplicateKey", "a"],
    ["a key twice", file('{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}'), "DuplicateKey"],
    ["metadata that are no object", file('{"__metadata__":[]}'), "MetadataNotString"],
    ["metadata that are no strings", file('{"__metadata__":{"a":1}}'), "MetadataNotString"],
    ["an entry that is no object", file('{"a":1}'), "InvalidEntry", "a"],
    ["an entry without shape", file('{"a":{"dtype":"U8","data_offsets":[0,0]}}'), "InvalidEntry", "a"],
    [
      "an entry with more",
      file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":0}}'),
      "InvalidEntry",
      "a",
      { expected: 3, actual: 4 },
    ],
    ["an unknown dtype", file(`{"a":${entry(0, 1, "[1]", "F31")}}`, 1), "UnknownDtype", "a"],
    ["a sub-byte dtype", file(`{"a":${entry(0, 1, "[2]", "F4")}}`, 1), "UnknownDtype", "a"],
    ["a dtype special to JavaScript", file(`{"a":${entry(0, 1, "[1]", "__proto__")}}`, 1), "UnknownDtype", "a"],
    ["a shape that is no array", file(`{"a":${entry(0, 1, "1")}}`, 1), "InvalidShape", "a"],
    ["a negative extent", file(`{"a":${entry(0, 1, "[-1]")}}`, 1), "InvalidShape", "a"],
    ["a fractional extent", file(`{"a":${entry(0, 1, "[1.5]")}}`, 1), "InvalidShape", "a"],
    ["an extent beyond 2^53", file(`{"a":${entry(0, 1, "[9007199254740993]")}}`, 1), "InvalidShape", "a"],
    [
      "a product beyond 2^53",
      file(`{"a":${entry(0, 0, "[4294967296,4294967296]")}}`),
      "Overflow",
      "a",
      { elements: 2 ** 64, limit: 2 ** 53 - 1 },
    ],
    ["a size beyond 2^53", file(`{"a":${entry(0, 0, "[4503599627370496]", "F32")}}`), "Overflow", "a"],
    ["an overflow hidden by a zero", file(`{"a":${entry(0, 0, "[4294967296,4294967296,0]")}}`), "Overflow", "a"],
    ["offsets that are no pair", file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}'), "InvalidOffsets", "a"],
    ["negative offsets", file(`{"a":${entry(-1, 0, "[1]")}}`), "InvalidOffsets", "a"],
    ["offsets as strings", file('{"a":{"dtype":"U8","shape":[0],"data_offsets":["0","0"]}}'), "InvalidOffsets", "a"],
    ["offsets in reverse", file(`{"a":${entry(1, 0, "[1]")}}`, 1), "InvalidOffsets", "a", { begin: 1, end: 0 }],
    ["data beyond the file", file(`{"a":${entry(0, 4)}}`, 3), "InvalidOffsets", "a", { end: 4, available: 3 }],
    [
      "a shape of another size",
      file(`{"a":${entry(0, 4, "[2]", "F32")}}`, 4),
      "SizeMismatch",
      "a",
      { expected: 8, actual: 4 },
    ],
    ["overlapping tensors", file(`{"a":${entry(0, 4)},"b":${entry(2, 6)}}`, 6), "Overlap", "b"],
    ["the same bytes twice", file(`{"a":${entry(0, 4)},"b":${entry(0, 4)}}`, 4), "Overlap", "b"],
    ["an empty tensor within another", file(`{"a":${entry(0, 4)},"b":${entry(2, 2)}}`, 4), "Overlap", "b"],
    ["a hole at the start", file(`{"a":${entry(1, 4)}}`, 4), "Hole", "a"],
    ["a hole between", file(`{"a":${entry(0, 2)},"b":${entry(3, 4)}}`, 4), "Hole", "b"],
    ["bytes behind the data", file(`{"a":${entry(0, 4)}}`, 5), "Hole", "a"],
    ["bytes behind no tensors", file("{}", 1), "Hole"],
    ["a zipped pickle", ascii("PK\x03\x04 and so on and on"), "PickleRefused"],
    ["a plain pickle", new Uint8Array([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9]), "PickleRefused"],
    ["a web page", ascii("<!DOCTYPE html><html>"), "HtmlResponse"],
    ["a Git LFS pointer", ascii("version https://git-lfs.github.com/spec/v1"), "UnknownFormat"],
  ];

  test.each(cases)("%s", (_, bytes, code, tensor, numbers) => {
    const error = rejection(bytes);
    expect(error.code).toBe(code);
    expect(error.tensor).toBe(tensor);
    if (tensor !== undefined) expect(error.message).toContain(JSON.stringify(tensor));
    if (numbers) expect(error.numbers).toEqual(numbers);
    if (!["Overflow", "DuplicateKey"].includes(code)) {
      for (const number of Object.values(numbers ?? {})) expect(error.message).toContain(String(number));
    }
  });

  test("an overlap names both tensors and both positions", () => {
    const error = rejection(file(`{"a":${entry(0, 4)},"b":${entry(2, 6)}}`, 6));
    expect(error.numbers["previousEnd"]! - error.numbers["begin"]!).toBe(2);
    expect(error.message).toMatch(/"b" begins at byte \d+, but tensor "a" ends at byte \d+: they overlap/);
  });

  test("what is beyond the limits", () => {
    const two = file(`{"aaaa":${entry(0, 1)},"b":${entry(1, 2)}}`, 2);
    expect(rejection(two, { maxTensors: 1 })).toMatchObject({
      code: "TooManyTensors",
      numbers: { count: 2, limit: 1 },
    });
    expect(rejection(two, { maxNameLength: 3 })).toMatchObject({ code: "NameTooLong", tensor: "aaaa" });
    expect(rejection(two, { maxHeaderBytes: 10 })).toMatchObject({ code: "HeaderTooLarge" });
    expect(parse(two, { maxTensors: 2, maxNameLength: 4 }).tensors.size).toBe(2);
  });

  test("a header of which not all was read", () => {
    const whole = file("{}      ");
    expect(() => parseHeader(whole.subarray(0, 12), whole.length)).toThrow(/ends at byte 16, but only 12/);
  });

  test("many tensors are checked quickly enough to be no attack", () => {
    const count = 50_000;
    const names = Array.from({ length: count }, (_, i) => `"t${i}":${entry(0, 1000)}`);
    expect(rejection(file(`{${names.join(",")}}`, 1000)).code).toBe("Overlap");
  });
});

test("any bytes are either rejected with a SafetensorsError or tile the file", () => {
  const valid = file(`{"a":${entry(0, 4, "[1]", "F32")},"b":${entry(4, 8, "[2,1]", "F16")},"c":${entry(8, 8)}}`, 8);
  const edit = fc.record({ at: fc.nat(valid.length - 1), remove: fc.nat(3), insert: fc.uint8Array({ maxLength: 3 }) });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), fc.boolean(), (edits, fixLength) => {
      let bytes = valid;
      for (const { at, remove, insert } of edits) {
        bytes = new Uint8Array([...bytes.subarray(0, at), ...insert, ...bytes.subarray(at + remove)]);
      }
      if (fixLength && bytes.length > 16) new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 16), true);
      try {
        const { tensors, dataBegin } = parse(bytes);
        let cursor = dataBegin;
        for (const tensor of tensors.values()) {
          expect(tensor.begin).toBe(cursor);
          cursor += tensor.bytes;
        }
        expect(cursor).toBe(bytes.length);
        expect(dataBegin).toBe(8 + parseHeaderLength(bytes, bytes.length));
      } catch (error) {
        if (!(error instanceof SafetensorsError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
