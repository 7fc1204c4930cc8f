import { type Dtype, dtypes, elementCount, isDtype } from "./dtypes.ts";
import { type Json, parseJson } from "./parseJson.ts";
import { SafetensorsError } from "./SafetensorsError.ts";
import type { TensorInfo } from "./WeightSource.ts";

/** Caps on what a header may hold, against files made to exhaust the reader. */
export interface HeaderLimits {
  /** Default 100 000 000, as in the reference implementation. */
  maxHeaderBytes?: number;
  /** Default 1 000 000. */
  maxTensors?: number;
  /** In UTF-16 code units; default 4096. */
  maxNameLength?: number;
}

/** A tensor and where its data lie: bytes `begin` (inclusive) to `end` (exclusive), counted from the file's start. */
export interface TensorEntry extends TensorInfo {
  readonly begin: number;
  readonly end: number;
}

/** A header that passed every check: its tensors tile the rest of the file, without overlap, hole or remainder. */
export interface Header {
  /** By name, in the order of the data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Where the data begin: 8 plus the length of the JSON. */
  readonly dataBegin: number;
}

/**
 * The length in bytes of the JSON header, from the first 8 bytes of a file of `fileSize` bytes.
 * @throws {SafetensorsError} `HeaderTooSmall`, `HeaderTooLarge`, `InvalidHeaderLength`; `PickleRefused` or
 * `HtmlResponse` where the bytes are plainly those of another format.
 */
export function parseHeaderLength(bytes: Uint8Array, fileSize: number, limits: HeaderLimits = {}): number {
  if (fileSize < 8 || bytes.length < 8) {
    const actual = Math.min(fileSize, bytes.length);
    throw new SafetensorsError(
      "HeaderTooSmall",
      `A safetensors file starts with 8 bytes of header length, but this one has ${actual}. It is empty or cut off.`,
      { numbers: { expected: 8, actual } },
    );
  }
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  const limit = limits.maxHeaderBytes ?? 100_000_000;
  if (length > limit) {
    refuseOtherFormats(bytes);
    throw new SafetensorsError(
      "HeaderTooLarge",
      `The header would be ${length} bytes long, but at most ${limit} are allowed. ` +
        `Either this is no safetensors file, or maxHeaderBytes needs raising.`,
      { numbers: { length, limit } },
    );
  }
  if (8 + length > fileSize) {
    refuseOtherFormats(bytes);
    throw new SafetensorsError(
      "InvalidHeaderLength",
      `The header would end at byte ${8 + length}, but the file has ${fileSize}. It is cut off or no safetensors file.`,
      { numbers: { headerEnd: 8 + length, fileSize } },
    );
  }
  return length;
}

/**
 * Parses and checks the header of a safetensors file. Anything that two readers could understand differently is
 * rejected: see the list in this package's README. (Format: huggingface/safetensors, README "Format".)
 * @param bytes the file's first bytes, at least up to the header's end
 * @param fileSize the size of the whole file, in bytes
 * @throws {SafetensorsError} naming the tensor and both numbers that disagree
 */
export function parseHeader(bytes: Uint8Array, fileSize: number, limits: HeaderLimits = {}): Header {
  const dataBegin = 8 + parseHeaderLength(bytes, fileSize, limits);
  if (bytes.length < dataBegin) {
    throw new SafetensorsError(
      "Truncated",
      `The header ends at byte ${dataBegin}, but only ${bytes.length} were read.`,
      {
        numbers: { expected: dataBegin, actual: bytes.length },
      },
    );
  }
  const json = parseJson(decode(bytes.subarray(8, dataBegin)), { wholeNumbersOnly: true });
  if (!(json instanceof Map)) throw new SafetensorsError("InvalidJson", "The header is not a JSON object.");

  const metadata = parseMetadata(json.get("__metadata__"));
  json.delete("__metadata__");

  const maxTensors = limits.maxTensors ?? 1_000_000;
  if (json.size > maxTensors) {
    throw new SafetensorsError(
      "TooManyTensors",
      `The header lists ${json.size} tensors, but at most ${maxTensors} are allowed. Raise maxTensors if it is right.`,
      { numbers: { count: json.size, limit: maxTensors } },
    );
  }
  const maxNameLength = limits.maxNameLength ?? 4096;
  const entries: TensorEntry[] = [];
  for (const [name, value] of json) {
    if (name.length > maxNameLength) {
      throw new SafetensorsError(
        "NameTooLong",
        `The tensor name ${JSON.stringify(`${name.slice(0, 40)}…`)} has ${name.length} characters, ` +
          `but at most ${maxNameLength} are allowed.`,
        { tensor: name, numbers: { length: name.length, limit: maxNameLength } },
      );
    }
    entries.push(parseEntry(name, value, dataBegin, fileSize));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkTiling(entries, dataBegin, fileSize);
  return { tensors: new Map(entries.map((entry) => [entry.name, entry])), metadata, dataBegin };
}

function refuseOtherFormats(bytes: Uint8Array): void {
  const start = String.fromCharCode(...bytes.subarray(0, 8));
  if (start.startsWith("PK\x03\x04") || (bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5)) {
    throw new SafetensorsError(
      "PickleRefused",
      "This is a PyTorch pickle, not a safetensors file, whatever its name. Unpickling runs code from the file, so it " +
        "is refused: convert it in Python with torch.load(weights_only=True) and safetensors.torch.save_file.",
    );
  }
  if (/^\s*</.test(start)) {
    throw new SafetensorsError(
      "HtmlResponse",
      "This is an HTML or XML page, not a safetensors file: perhaps a login or error page that was saved in its place.",
    );
  }
  if (start === "version ") {
    throw new SafetensorsError(
      "UnknownFormat",
      "This is a Git LFS pointer, not the safetensors file it stands for. Fetch the file with `git lfs pull`.",
    );
  }
}

function decode(bytes: Uint8Array): string {
  if (bytes[0] !== 0x7b) {
    throw new SafetensorsError("InvalidJson", `The header must start with "{" (byte 123), found byte ${bytes[0]}.`, {
      numbers: { expected: 0x7b, actual: bytes[0] ?? -1 },
    });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SafetensorsError("InvalidUtf8", `The header of ${bytes.length} bytes is not valid UTF-8.`, {
      numbers: { length: bytes.length },
      cause,
    });
  }
}

function parseMetadata(json: Json | undefined): Map<string, string> {
  if (json === undefined) return new Map();
  if (!(json instanceof Map)) {
    throw new SafetensorsError("MetadataNotString", "__metadata__ must be an object whose values are strings.");
  }
  for (const [key, value] of json) {
    if (typeof value === "string") continue;
    throw new SafetensorsError(
      "MetadataNotString",
      `__metadata__ must map strings to strings, but ${JSON.stringify(key)} is ${print(value)}.`,
    );
  }
  return json as Map<string, string>;
}

function parseEntry(name: string, json: Json, dataBegin: number, fileSize: number): TensorEntry {
  const fail: (
    code: "InvalidEntry" | "UnknownDtype" | "InvalidShape" | "InvalidOffsets" | "Overflow" | "SizeMismatch",
    what: string,
    numbers?: Record<string, number>,
  ) => never = (code, what, numbers = {}) => {
    throw new SafetensorsError(code, `Tensor ${JSON.stringify(name)}: ${what}.`, { tensor: name, numbers });
  };
  if (!(json instanceof Map)) fail("InvalidEntry", `its entry must be an object, found ${print(json)}`);
  for (const key of ["dtype", "shape", "data_offsets"]) {
    if (!json.has(key)) fail("InvalidEntry", `its entry has no ${key}`);
  }
  if (json.size > 3) {
    fail("InvalidEntry", `its entry must have 3 keys, found ${json.size}`, { expected: 3, actual: json.size });
  }

  const dtype = json.get("dtype")!;
  if (!isDtype(dtype)) {
    fail("UnknownDtype", `unknown dtype ${print(dtype)}; known are ${Object.keys(dtypes).join(", ")}`);
  }

  const shape = json.get("shape")!;
  if (!Array.isArray(shape) || !shape.every(isWhole)) {
    fail("InvalidShape", `the shape must be an array of whole numbers from 0 to 2^53 - 1, found ${print(shape)}`);
  }
  const bytes = (elementCount(shape) ?? Infinity) * dtypes[dtype];
  if (!Number.isSafeInteger(bytes)) {
    const numbers = { elements: shape.reduce((a, b) => a * b, 1), limit: Number.MAX_SAFE_INTEGER };
    fail(
      "Overflow",
      `shape ${print(shape)} of ${dtype} is about ${numbers.elements} elements, beyond 2^53 - 1 bytes`,
      numbers,
    );
  }

  const offsets = json.get("data_offsets")!;
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isWhole)) {
    fail("InvalidOffsets", `data_offsets must be two whole numbers from 0 to 2^53 - 1, found ${print(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const available = fileSize - dataBegin;
  if (begin > end) fail("InvalidOffsets", `its data begin at ${begin}, after their end at ${end}`, { begin, end });
  if (end > available) {
    const what = `its data end at ${end}, but the file holds ${available} bytes of data. The file is cut off or damaged`;
    fail("InvalidOffsets", what, { end, available });
  }
  if (end - begin !== bytes) {
    const what = `shape ${print(shape)} of ${dtype} takes ${bytes} bytes, but data_offsets span ${end - begin}`;
    fail("SizeMismatch", what, { expected: bytes, actual: end - begin });
  }
  return { name, dtype: dtype as Dtype, shape, bytes, begin: dataBegin + begin, end: dataBegin + end };
}

/** Sorted entries must cover the data exactly: overlaps multiply memory, holes and tails hide other files. */
function checkTiling(entries: readonly TensorEntry[], dataBegin: number, fileSize: number): void {
  let cursor = dataBegin;
  let previous: string | undefined;
  for (const { name, begin, end } of entries) {
    if (begin !== cursor) {
      const where = previous === undefined ? "the header ends" : `tensor ${JSON.stringify(previous)} ends`;
      throw new SafetensorsError(
        begin < cursor ? "Overlap" : "Hole",
        `Tensor ${JSON.stringify(name)} begins at byte ${begin}, but ${where} at byte ${cursor}: ` +
          (begin < cursor ? "they overlap." : `${begin - cursor} bytes between belong to no tensor.`),
        { tensor: name, numbers: { begin, previousEnd: cursor } },
      );
    }
    cursor = end;
    previous = name;
  }
  if (cursor !== fileSize) {
    throw new SafetensorsError(
      "Hole",
      `The last tensor${previous === undefined ? "" : ` ${JSON.stringify(previous)}`} ends at byte ${cursor}, but the ` +
        `file at byte ${fileSize}: ${fileSize - cursor} bytes belong to no tensor.`,
      { ...(previous !== undefined && { tensor: previous }), numbers: { dataEnd: cursor, fileSize } },
    );
  }
}

function isWhole(value: Json): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function print(value: Json): string {
  if (value instanceof Map) return "an object";
  if (typeof value === "number") return String(value);
  const text = Array.isArray(value)
    ? `[${value.slice(0, 8).map(print).join(", ")}${value.length > 8 ? ", …" : ""}]`
    : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
