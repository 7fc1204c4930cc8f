import { dtypes } from "./dtypes.ts";
import { checkData, tensorInfo } from "./memorySource.ts";
import { parseHeader } from "./parseHeader.ts";
import type { TensorData, TensorInfo } from "./WeightSource.ts";

/** Where a writer puts bytes, in order; it is awaited before the next piece. */
export interface ByteSink {
  write(bytes: Uint8Array): void | Promise<void>;
}

/** Tensors by name. */
export type Tensors = Record<string, TensorData> | Iterable<readonly [string, TensorData]>;

/**
 * The bytes of a safetensors file. Deterministic, and laid out as the reference implementation does it (widest dtypes
 * first, then by name, header padded with spaces to 8 bytes), so that every tensor is aligned to its elements.
 * @throws {SafetensorsError} `SizeMismatch` if a tensor's data do not fit its shape, `DuplicateKey` for a name given
 * twice, and whatever else `parseHeader` would reject when reading it back
 */
export function encodeSafetensors(tensors: Tensors, metadata: Record<string, string> = {}): Uint8Array {
  const entries = [...entriesOf(tensors)];
  const { header, infos, fileSize } = layOut(
    entries.map(([name, tensor]) => ({ ...tensor, name })),
    metadata,
  );
  const byName = new Map(entries);
  const bytes = new Uint8Array(fileSize);
  bytes.set(header);
  let at = header.length;
  for (const info of infos) {
    const tensor = byName.get(info.name)!;
    checkData(info, tensor);
    bytes.set(tensor.data, at);
    at += info.bytes;
  }
  return bytes;
}

/**
 * Writes a safetensors file of any size with one tensor in memory at a time: the header first, from `infos` alone, then
 * each tensor as `getTensor` returns it. The bytes are those of {@link encodeSafetensors}, so tensors are asked for in
 * the file's order, not that of `infos`.
 * @throws {SafetensorsError} as {@link encodeSafetensors} does, before the first byte where `infos` are at fault;
 * `SizeMismatch` if `getTensor` returns something else than announced
 */
export async function writeSafetensors(
  sink: ByteSink,
  infos: Iterable<Pick<TensorInfo, "name" | "dtype" | "shape">>,
  getTensor: (name: string) => TensorData | Promise<TensorData>,
  metadata: Record<string, string> = {},
): Promise<void> {
  const layout = layOut(infos, metadata);
  await sink.write(layout.header);
  for (const info of layout.infos) {
    const tensor = await getTensor(info.name);
    checkData(info, tensor);
    if (info.bytes > 0) await sink.write(tensor.data);
  }
}

export function entriesOf(tensors: Tensors): Iterable<readonly [string, TensorData]> {
  return Symbol.iterator in tensors ? (tensors as Iterable<readonly [string, TensorData]>) : Object.entries(tensors);
}

function layOut(unordered: Iterable<Pick<TensorInfo, "name" | "dtype" | "shape">>, metadata: Record<string, string>) {
  const rank = new Map(Object.keys(dtypes).map((dtype, index) => [dtype, index]));
  const infos = Array.from(unordered, (tensor) => tensorInfo(tensor.name, tensor));
  infos.sort((a, b) => rank.get(b.dtype)! - rank.get(a.dtype)! || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));

  const members: string[] = [];
  const member = (key: string, value: unknown) => members.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const strings = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (strings.length > 0) member("__metadata__", Object.fromEntries(strings));
  let end = 0;
  for (const { name, dtype, shape, bytes } of infos) {
    member(name, { dtype, shape, data_offsets: [end, end + bytes] });
    end += bytes;
  }
  const json = new TextEncoder().encode(`{${members.join(",")}}`);
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true);
  header.set(json, 8);

  const fileSize = header.length + end;
  parseHeader(header, fileSize, { maxTensors: Infinity });
  return { header, infos, fileSize };
}
