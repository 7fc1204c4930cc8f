import { memorySource, type WeightSource } from "@tessera/safetensors";
import { backends } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import { add, linear } from "../ops/index.ts";
import type { Backend } from "./backend.ts";

/** x · weightᵀ + bias, for some rows of 64 numbers. */
function layer(rows: number): Graph {
  const graph = new Graph();
  const p = graph.scope();
  const x = graph.input("x", [rows, 64]);
  graph.output("y", add(linear({ x, weight: p.get("weight", [64, 64]) }), p.get("bias", [64])));
  return graph;
}
const f32 = (numbers: Float32Array<ArrayBuffer>, shape: number[]) => ({
  dtype: "F32" as const,
  shape,
  data: new Uint8Array(numbers.buffer),
});

/** Twice the identity, plus one; `reads` tells how often which tensor was asked for. */
function source(reads: string[], failOn?: string): WeightSource {
  const weight = Float32Array.from({ length: 64 * 64 }, (_, i) => (i % 65 ? 0 : 2));
  const kept = memorySource({ weight: f32(weight, [64, 64]), bias: f32(new Float32Array(64).fill(1), [64]) });
  return {
    ...kept,
    async get(name) {
      if (name === failOn) throw new Error("the disk is gone");
      reads.push(name);
      return kept.get(name);
    },
  };
}

describe.each((await backends()).filter(({ name }) => name !== "reference"))("weights on $name", ({ open }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test("are read and kept once for all programs of one source, until the last is disposed", async () => {
    const reads: string[] = [];
    const weights = source(reads);
    const first = await compile(layer(1), backend, { weights });
    const alone = backend.liveBytes;
    const [second, third] = await Promise.all([2, 3].map((rows) => compile(layer(rows), backend, { weights })));
    expect(reads.toSorted()).toEqual(["bias", "weight"]);
    expect(backend.liveBytes - alone).toBeLessThan(2 * 64 * 64 * 4);
    first.dispose();
    second.dispose();
    const { y } = await third.run({ x: new Float32Array(192).fill(3) });
    expect([...(await y.read())]).toEqual(new Array(192).fill(7));
    third.dispose();
    expect(backend.liveBytes).toBe(0);
    (await compile(layer(1), backend, { weights })).dispose();
    expect(reads).toHaveLength(4);
  });

  test("that cannot be read leave nothing behind, nor what was there in disorder", async () => {
    const weights = source([], "bias");
    const both = await Promise.allSettled([1, 2].map((rows) => compile(layer(rows), backend, { weights })));
    for (const result of both) expect(result).toMatchObject({ reason: new Error("the disk is gone") });
    expect(backend.liveBytes).toBe(0);
  });

  test("of different sources are different", async () => {
    const [a, b] = await Promise.all([1, 2].map(() => compile(layer(1), backend, { weights: source([]) })));
    a.dispose();
    expect([...(await (await b.run({ x: new Float32Array(64) })).y.read())]).toEqual(new Array(64).fill(1));
    b.dispose();
    expect(backend.liveBytes).toBe(0);
  });
});
