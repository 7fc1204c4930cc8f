import { missing } from "./openSafetensors.ts";
import { SafetensorsError } from "./SafetensorsError.ts";
import type { WeightSource } from "./WeightSource.ts";

/**
 * Several sources as one; closing it closes them all.
 * @throws {SafetensorsError} `DuplicateTensor` if two of them hold a tensor of the same name
 */
export function merged(...sources: WeightSource[]): WeightSource {
  const owners = new Map<string, WeightSource>();
  for (const [index, source] of sources.entries()) {
    for (const name of source.names()) {
      if (owners.has(name)) {
        const first = sources.indexOf(owners.get(name)!);
        throw new SafetensorsError(
          "DuplicateTensor",
          `Tensor ${JSON.stringify(name)} is in sources ${first} and ${index}; a name must be in one only.`,
          { tensor: name, numbers: { first, second: index } },
        );
      }
      owners.set(name, source);
    }
  }
  return {
    names: () => owners.keys(),
    info: (name) => owners.get(name)?.info(name),
    get: async (name, options) => (owners.get(name) ?? missing(name, owners.size)).get(name, options),
    close: async () => void (await Promise.all(sources.map((source) => source.close?.()))),
  };
}
