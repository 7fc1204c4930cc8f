import { toFloat32, type WeightSource } from "@tessera/safetensors";
import type { PackedWeight, Plan } from "./plan.ts";
import type { RecordOptions } from "./backend.ts";

/**
 * Makes every (parameter, packing) of a plan, one tensor in memory at a time, and hands each to `upload`.
 * A parameter that is packed twice is read once.
 */
export async function packWeights(
  { weights, weightBytes }: Pick<Plan, "weights" | "weightBytes">,
  source: WeightSource,
  upload: (weight: PackedWeight, bytes: Uint8Array<ArrayBuffer>) => void,
  { signal, onProgress }: RecordOptions = {},
): Promise<void> {
  const byParam = new Map<string, PackedWeight[]>();
  for (const weight of weights) byParam.set(weight.param.path, [...(byParam.get(weight.param.path) ?? []), weight]);
  let done = 0;
  for (const [name, packed] of byParam) {
    signal?.throwIfAborted();
    const data = toFloat32(await source.get(name, { signal }));
    for (const weight of packed) {
      const bytes = new Uint8Array(weight.bytes);
      weight.packing.pack(data, weight.param.shape, bytes);
      upload(weight, bytes);
      done += weight.bytes;
      onProgress?.({ phase: "weights", done, total: weightBytes });
    }
  }
}
