import { merged } from "./merged.ts";
import { parseJson } from "./parseJson.ts";
import { SafetensorsError } from "./SafetensorsError.ts";
import type { WeightSource } from "./WeightSource.ts";

const maxShards = 10_000;

/**
 * A checkpoint split over several files, as its `*.safetensors.index.json` describes. Opens every shard (that is, reads
 * its header) and compares: each weight must be in the shard that the index names, and in no other.
 * @param indexJson the index file's text, or its parsed value (in which a key given twice has gone unnoticed)
 * @param openShard opens one shard by its plain file name, which lies beside the index
 * @throws {SafetensorsError} `InvalidIndex`, `PathTraversal`, `TooManyShards`, `MissingShard` (with the cause),
 * `MissingTensor`, `UnexpectedTensor`, `DuplicateTensor`; the shards opened so far are closed then
 */
export async function shardedSource(
  indexJson: unknown,
  openShard: (file: string) => Promise<WeightSource>,
): Promise<WeightSource> {
  const weightMap = parseWeightMap(typeof indexJson === "string" ? indexJson : JSON.stringify(indexJson ?? null));
  const shards = new Map<string, WeightSource>();
  try {
    for (const file of new Set(weightMap.values())) shards.set(file, await open(file, openShard));
    for (const [name, file] of weightMap) {
      if (shards.get(file)!.info(name)) continue;
      throw new SafetensorsError(
        "MissingTensor",
        `The index places tensor ${JSON.stringify(name)} in ${file}, which lacks it.`,
        {
          tensor: name,
        },
      );
    }
    for (const [file, shard] of shards) {
      for (const name of shard.names()) {
        const place = weightMap.get(name);
        if (place === file) continue;
        const label = `Tensor ${JSON.stringify(name)} of ${file}`;
        throw place === undefined
          ? new SafetensorsError("UnexpectedTensor", `${label} is not in the index.`, { tensor: name })
          : new SafetensorsError("DuplicateTensor", `${label} is also in ${place}.`, { tensor: name });
      }
    }
    return merged(...shards.values());
  } catch (error) {
    for (const shard of shards.values()) await shard.close?.();
    throw error;
  }
}

async function open(file: string, openShard: (file: string) => Promise<WeightSource>): Promise<WeightSource> {
  try {
    return await openShard(file);
  } catch (cause) {
    if (cause instanceof SafetensorsError && cause.code !== "NotFound" && cause.code !== "Http") throw cause;
    if ((cause as Error | undefined)?.name === "AbortError") throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SafetensorsError("MissingShard", `The shard ${file} could not be opened: ${reason}`, { cause });
  }
}

function parseWeightMap(text: string): Map<string, string> {
  const index = parseJson(text);
  const weightMap = index instanceof Map ? index.get("weight_map") : undefined;
  if (!(weightMap instanceof Map) || weightMap.size === 0) {
    throw new SafetensorsError(
      "InvalidIndex",
      "The index must be a JSON object whose weight_map names at least one weight.",
    );
  }
  for (const [name, file] of weightMap) {
    if (typeof file !== "string") {
      throw new SafetensorsError(
        "InvalidIndex",
        `weight_map must give a file name for tensor ${JSON.stringify(name)}.`,
        {
          tensor: name,
        },
      );
    }
    // A plain name: no separator of any platform, no drive or stream, no escape, no control character, no leading dot.
    if (!/^[^./\\:%\p{Cc}][^/\\:%\p{Cc}]*\.safetensors$/u.test(file)) {
      throw new SafetensorsError(
        "PathTraversal",
        `The index places tensor ${JSON.stringify(name)} in ${JSON.stringify(file)}. ` +
          `A shard must be the plain name of a .safetensors file beside the index.`,
        { tensor: name },
      );
    }
  }
  const count = new Set(weightMap.values()).size;
  if (count > maxShards) {
    throw new SafetensorsError(
      "TooManyShards",
      `The index names ${count} shards, but at most ${maxShards} are allowed.`,
      {
        numbers: { count, limit: maxShards },
      },
    );
  }
  return weightMap as Map<string, string>;
}
