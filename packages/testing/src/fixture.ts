import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { memorySource, toFloat32, type WeightSource } from "@tessera/safetensors";

/** The path of a file under `fixtures/`. */
export const fixturePath = (path: string): string =>
  fileURLToPath(new URL(`../../../fixtures/${path}`, import.meta.url));

/** A reference file, in memory. */
export interface Fixture extends WeightSource {
  /** The numbers of one tensor, widened to float32. */
  numbers(name: string): Promise<Float32Array>;
  shape(name: string): readonly number[];
}

/** Opens a safetensors file under `fixtures/`. */
export function fixture(path: string): Fixture {
  const source = memorySource(readFileSync(fixturePath(path)));
  return {
    ...source,
    names: () => source.names(),
    info: (name) => source.info(name),
    get: (name) => source.get(name),
    numbers: async (name) => toFloat32(await source.get(name)),
    shape(name) {
      const info = source.info(name);
      if (!info) throw new Error(`fixture ${path}: there is no tensor called ${name}.`);
      return info.shape;
    },
  };
}

/** A JSON file under `fixtures/`. */
export const fixtureJson = <T>(path: string): T => JSON.parse(readFileSync(fixturePath(path), "utf8")) as T;
