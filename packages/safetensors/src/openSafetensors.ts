import { dtypes } from "./dtypes.ts";
import { type Header, type HeaderLimits, parseHeader, parseHeaderLength } from "./parseHeader.ts";
import { SafetensorsError } from "./SafetensorsError.ts";
import { aligned } from "./toFloat32.ts";
import type { WeightSource } from "./WeightSource.ts";

/** Random access to bytes: all that reading a safetensors file takes. */
export interface RangeReader {
  /** Size of the whole file, in bytes. */
  readonly size: number;
  /** The bytes from `begin` (inclusive) to `end` (exclusive). */
  read(begin: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  close?(): Promise<void>;
}

/** A {@link WeightSource} that is one safetensors file, with the strings of its `__metadata__`. */
export interface SafetensorsSource extends WeightSource {
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Opens a safetensors file: reads and checks its header, and nothing more. A `Blob` may be a dropped `File` or one
 * from the browser's origin-private file system.
 * @throws {SafetensorsError} as {@link parseHeader} does; the reader is closed then
 */
export async function openSafetensors(
  input: RangeReader | Blob,
  options: HeaderLimits & { signal?: AbortSignal } = {},
): Promise<SafetensorsSource> {
  const reader = input instanceof Blob ? blobReader(input) : input;
  try {
    const prefix = await readExactly(reader, 0, Math.min(8, reader.size), options.signal);
    const end = 8 + parseHeaderLength(prefix, reader.size, options);
    const bytes = new Uint8Array(end);
    bytes.set(prefix);
    bytes.set(await readExactly(reader, 8, end, options.signal), 8);
    return readerSource(reader, parseHeader(bytes, reader.size, options));
  } catch (error) {
    await reader.close?.();
    throw error;
  }
}

/** The source of a file whose header has been checked. */
export function readerSource(reader: RangeReader, header: Header): SafetensorsSource {
  return {
    metadata: header.metadata,
    names: () => header.tensors.keys(),
    info: (name) => header.tensors.get(name),
    get: async (name, { signal } = {}) => {
      const { dtype, shape, begin, end } = header.tensors.get(name) ?? missing(name, header.tensors.size);
      return { dtype, shape, data: aligned(await readExactly(reader, begin, end, signal, name), dtypes[dtype]) };
    },
    close: async () => reader.close?.(),
  };
}

/** Throws the error for a name that a source of `count` tensors does not hold. */
export function missing(name: string, count: number): never {
  throw new SafetensorsError("MissingTensor", `There is no tensor ${JSON.stringify(name)} among the ${count} here.`, {
    tensor: name,
    numbers: { count },
  });
}

async function readExactly(reader: RangeReader, begin: number, end: number, signal?: AbortSignal, tensor?: string) {
  signal?.throwIfAborted();
  if (begin === end) return new Uint8Array(0);
  const bytes = await reader.read(begin, end, signal);
  if (bytes.length !== end - begin) {
    const what = tensor === undefined ? "The header" : `Tensor ${JSON.stringify(tensor)}`;
    throw new SafetensorsError(
      "Truncated",
      `${what}: bytes ${begin} to ${end} are ${end - begin} bytes, but ${bytes.length} came. The file was cut off.`,
      { ...(tensor !== undefined && { tensor }), numbers: { expected: end - begin, actual: bytes.length } },
    );
  }
  return bytes;
}

function blobReader(blob: Blob): RangeReader {
  return {
    size: blob.size,
    read: async (begin, end) => new Uint8Array(await blob.slice(begin, end).arrayBuffer()),
  };
}
