import type { TensorInfo, WeightSource } from "../WeightSource.ts";
import { entriesOf, type Tensors, writeSafetensors } from "../writeSafetensors.ts";
import { replaceFile } from "./replaceFile.ts";

/**
 * Writes a safetensors file, all or nothing (see {@link replaceFile}). From a {@link WeightSource} tensors are read
 * and written one at a time.
 * @throws {SafetensorsError} as {@link replaceFile} and `writeSafetensors` do
 */
export async function writeSafetensorsFile(
  path: string,
  tensors: Tensors | WeightSource,
  metadata: Record<string, string> = {},
): Promise<void> {
  await replaceFile(path, async (sink) => {
    if (isSource(tensors)) {
      const infos = Array.from(tensors.names(), (name) => tensors.info(name)!);
      return writeSafetensors(sink, infos, (name) => tensors.get(name), metadata);
    }
    const entries = [...entriesOf(tensors)];
    const byName = new Map(entries);
    const infos = entries.map(([name, { dtype, shape }]): Omit<TensorInfo, "bytes"> => ({ name, dtype, shape }));
    return writeSafetensors(sink, infos, (name) => byName.get(name)!, metadata);
  });
}

function isSource(tensors: Tensors | WeightSource): tensors is WeightSource {
  return typeof (tensors as Partial<WeightSource>).get === "function" && "names" in tensors && "info" in tensors;
}
