import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { HeaderLimits } from "../parseHeader.ts";
import { SafetensorsError } from "../SafetensorsError.ts";
import { shardedSource } from "../shardedSource.ts";
import type { WeightSource } from "../WeightSource.ts";
import { fileSource, readError } from "./fileSource.ts";

/**
 * Opens a checkpoint on disk: a `.safetensors` file, or the `.safetensors.index.json` of a sharded one.
 * @throws {SafetensorsError} `PickleRefused` for .ckpt, .bin, .pt, .pth and .pkl, `UnknownFormat` for anything else, and as
 * {@link fileSource} and `shardedSource` do
 */
export async function openCheckpoint(path: string, limits: HeaderLimits = {}): Promise<WeightSource> {
  if (/\.safetensors$/i.test(path)) return fileSource(path, limits);
  if (/\.json$/i.test(path)) {
    const index = await readFile(path, "utf8").catch((cause: unknown) => {
      throw readError(path, cause);
    });
    return shardedSource(index, (file) => fileSource(join(dirname(path), file), limits));
  }
  if (/\.(ckpt|bin|pt|pth|pkl|pickle)$/i.test(path)) {
    throw new SafetensorsError(
      "PickleRefused",
      `${path} is a PyTorch pickle, and loading a pickle runs code from it, so it is refused. Look for the model's ` +
        `.safetensors file, or convert in Python: safetensors.torch.save_file(torch.load(path, weights_only=True), ` +
        `"${basename(path).replace(/\.\w+$/, "")}.safetensors").`,
    );
  }
  throw new SafetensorsError(
    "UnknownFormat",
    `${path} is no checkpoint that can be opened: give a .safetensors file or a .safetensors.index.json.`,
  );
}
