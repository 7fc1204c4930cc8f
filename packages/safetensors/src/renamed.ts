import { missing } from "./openSafetensors.ts";
import { SafetensorsError } from "./SafetensorsError.ts";
import type { WeightSource } from "./WeightSource.ts";

/**
 * The same tensors under other names; those for which `rename` returns undefined are left out.
 * @throws {SafetensorsError} `DuplicateTensor` if two tensors would get one name
 */
export function renamed(source: WeightSource, rename: (name: string) => string | undefined): WeightSource {
  const originals = new Map<string, string>();
  for (const original of source.names()) {
    const name = rename(original);
    if (name === undefined) continue;
    const other = originals.get(name);
    if (other !== undefined) {
      const message = `Both ${JSON.stringify(other)} and ${JSON.stringify(original)} would be named ${JSON.stringify(name)}.`;
      throw new SafetensorsError("DuplicateTensor", message, { tensor: name });
    }
    originals.set(name, original);
  }
  return {
    names: () => originals.keys(),
    info: (name) => {
      const info = originals.has(name) ? source.info(originals.get(name)!) : undefined;
      return info && { ...info, name };
    },
    get: async (name, options) => source.get(originals.get(name) ?? missing(name, originals.size), options),
    close: async () => source.close?.(),
  };
}
