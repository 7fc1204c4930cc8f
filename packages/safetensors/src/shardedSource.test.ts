import { describe, expect, test } from "vitest";
import { memorySource } from "./memorySource.ts";
import { SafetensorsError } from "./SafetensorsError.ts";
import { shardedSource } from "./shardedSource.ts";
import type { TensorData, WeightSource } from "./WeightSource.ts";

const one = (value: number): TensorData => ({ dtype: "U8", shape: [1], data: Uint8Array.of(value) });
const files: Record<string, Record<string, TensorData>> = {
  "m-1-of-2.safetensors": { a: one(1), b: one(2) },
  "m-2-of-2.safetensors": { c: one(3) },
  "again.safetensors": { c: one(3), a: one(9) },
};
let open: string[] = [];
const openShard = async (file: string): Promise<WeightSource> => {
  if (!files[file]) throw new SafetensorsError("NotFound", `${file} does not exist.`);
  open.push(file);
  return { ...memorySource(files[file]), close: async () => void (open = open.filter((other) => other !== file)) };
};
const index = (weight_map: Record<string, unknown>) => ({ metadata: { total_size: 3.0 }, weight_map });
const good = index({ a: "m-1-of-2.safetensors", b: "m-1-of-2.safetensors", c: "m-2-of-2.safetensors" });

test("joins the shards", async () => {
  for (const json of [good, JSON.stringify(good), JSON.stringify(good).replace(":3,", ":3.0,")]) {
    open = [];
    const source = await shardedSource(json, openShard);
    expect([...source.names()]).toEqual(["a", "b", "c"]);
    expect(open).toEqual(["m-1-of-2.safetensors", "m-2-of-2.safetensors"]);
    expect((await source.get("c")).data).toEqual(Uint8Array.of(3));
    await source.close?.();
    expect(open).toEqual([]);
  }
});

describe("rejects", () => {
  const cases: [what: string, json: unknown, code: string, tensor?: string][] = [
    ["no object", "[]", "InvalidIndex"],
    ["nothing", undefined, "InvalidIndex"],
    ["no weight_map", { weights: {} }, "InvalidIndex"],
    ["an empty weight_map", index({}), "InvalidIndex"],
    ["a place that is no string", index({ a: 1 }), "InvalidIndex", "a"],
    ["broken JSON", "{", "InvalidJson"],
    ["a weight given twice", '{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}', "DuplicateKey"],
    ["a missing shard", index({ a: "m-3.safetensors" }), "MissingShard"],
    ["a weight that its shard lacks", index({ ...good.weight_map, d: "m-2-of-2.safetensors" }), "MissingTensor", "d"],
    ["a weight that the index lacks", index({ a: "m-1-of-2.safetensors" }), "UnexpectedTensor", "b"],
    ["a weight in two shards", index({ ...good.weight_map, c: "again.safetensors" }), "DuplicateTensor", "a"],
    [
      "too many shards",
      index(Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [i, `${i}.safetensors`]))),
      "TooManyShards",
    ],
    ...[
      "../m.safetensors",
      "/m.safetensors",
      "a/m.safetensors",
      "..\\m.safetensors",
      "C:m.safetensors",
      "..",
      "",
      "%2e%2e%2fm.safetensors",
      "m.safetensors\0",
      ".safetensors",
      "m.bin",
      "https://x/m.safetensors",
    ].map((file): [string, unknown, string, string] => [
      `the place ${JSON.stringify(file)}`,
      index({ a: file }),
      "PathTraversal",
      "a",
    ]),
  ];

  test.each(cases)("%s", async (_, json, code, tensor) => {
    open = [];
    await expect(shardedSource(json, openShard)).rejects.toMatchObject({ name: "SafetensorsError", code, tensor });
    expect(open).toEqual([]);
  });
});
