import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Dtype, dtypes } from "./dtypes.ts";
import { memorySource } from "./memorySource.ts";
import { openSafetensors } from "./openSafetensors.ts";
import { SafetensorsError } from "./SafetensorsError.ts";
import type { TensorData } from "./WeightSource.ts";
import { encodeSafetensors, writeSafetensors } from "./writeSafetensors.ts";

const anyTensor = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(dtypes) as Dtype[])),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
  })
  .chain(({ dtype, shape }) => {
    const bytes = shape.reduce((a, b) => a * b, 1) * dtypes[dtype];
    return fc.record({
      dtype: fc.constant(dtype),
      shape: fc.constant(shape),
      data: fc.uint8Array({ minLength: bytes, maxLength: bytes }),
    });
  });
const anyName = fc.string({ unit: "grapheme", maxLength: 12 }).filter((name) => name !== "__metadata__");
const anyTensors = fc.uniqueArray(fc.tuple(anyName, anyTensor), { selector: ([name]) => name, maxLength: 8 });
const anyMetadata = fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), { maxKeys: 3 });

async function streamed(tensors: [string, TensorData][], metadata: Record<string, string>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const byName = new Map(tensors);
  const infos = tensors.map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  await writeSafetensors({ write: (bytes) => void pieces.push(bytes) }, infos, (name) => byName.get(name)!, metadata);
  return new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

test("any tensors survive, aligned, whatever their order and whichever the writer", async () => {
  await fc.assert(
    fc.asyncProperty(anyTensors, anyMetadata, async (tensors, metadata) => {
      const bytes = encodeSafetensors(tensors, metadata);
      expect(encodeSafetensors(tensors.toReversed(), metadata)).toEqual(bytes);
      expect(await streamed(tensors, metadata)).toEqual(bytes);
      const source = await openSafetensors(new Blob([bytes as Uint8Array<ArrayBuffer>]));
      expect(new Map(source.metadata)).toEqual(new Map(Object.entries(metadata)));
      expect([...source.names()].toSorted()).toEqual(tensors.map(([name]) => name).toSorted());
      for (const [name, tensor] of tensors) {
        const { data, ...rest } = await memorySource(bytes).get(name);
        expect({ ...rest, data: Uint8Array.from(data) }).toEqual(tensor);
        expect(data.buffer === bytes.buffer || data.length === 0, "aligned without a copy").toBe(true);
      }
    }),
    { numRuns: 100 },
  );
});

test("a cut or an appended byte never passes; a changed one is rejected or seen where it is", async () => {
  await fc.assert(
    fc.asyncProperty(anyTensors, fc.nat(), fc.integer({ min: 1, max: 255 }), async (tensors, position, flip) => {
      const bytes = encodeSafetensors(tensors);
      const at = position % bytes.length;
      expect(() => memorySource(bytes.slice(0, at))).toThrow(SafetensorsError);
      expect(() => memorySource(Uint8Array.of(...bytes, flip))).toThrow(SafetensorsError);

      const changed = bytes.slice();
      changed[at]! ^= flip;
      const dataBegin = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
      if (at < 8) {
        expect(() => memorySource(changed)).toThrow(SafetensorsError);
        return;
      }
      let source;
      try {
        source = memorySource(changed);
      } catch (error) {
        expect(at).toBeLessThan(dataBegin);
        expect(error).toBeInstanceOf(SafetensorsError);
        return;
      }
      const data = await Promise.all([...source.names()].map(async (name) => [...(await source.get(name)).data]));
      expect(data.flat()).toEqual([...changed.subarray(dataBegin)]);
    }),
    { numRuns: 200 },
  );
});

test("the bytes are those of the reference implementation", async () => {
  // Written by the Python package safetensors from a state dict: one dtype; I64 with F32; F32, I32 and U8.
  for (const name of ["unet/diffusion_pytorch_model.fp16", "text_encoder/model", "model_ldm.fp16"]) {
    const bytes = new Uint8Array(
      readFileSync(new URL(`../../../fixtures/tiny-sd/${name}.safetensors`, import.meta.url)),
    );
    const source = memorySource(bytes);
    const tensors = await Promise.all(
      [...source.names()].toSorted().map(async (name) => [name, await source.get(name)] as const),
    );
    expect(Buffer.compare(encodeSafetensors(tensors, { format: "pt" }), bytes), name).toBe(0);
  }
});

describe("what cannot be read back is not written", () => {
  const good: TensorData = { dtype: "F32", shape: [2], data: new Uint8Array(8) };
  const cases: [what: string, tensors: [string, TensorData][], code: string][] = [
    [
      "a name twice",
      [
        ["a", good],
        ["a", good],
      ],
      "DuplicateKey",
    ],
    ["the reserved name", [["__metadata__", good]], "MetadataNotString"],
    ["half a surrogate pair", [["\ud800", good]], "InvalidJson"],
    ["too little data", [["a", { ...good, data: new Uint8Array(4) }]], "SizeMismatch"],
    ["a negative extent", [["a", { ...good, shape: [-2] }]], "InvalidShape"],
    ["an unknown dtype", [["a", { ...good, dtype: "toString" as "F32" }]], "UnknownDtype"],
    ["a long name", [["a".repeat(5000), good]], "NameTooLong"],
  ];
  test.each(cases)("%s", async (_, tensors, code) => {
    expect(() => encodeSafetensors(tensors)).toThrow(expect.objectContaining({ code }));
    await expect(streamed(tensors, {})).rejects.toMatchObject({ code });
  });

  test("metadata that are no strings", () => {
    expect(() => encodeSafetensors({}, { a: 1 as unknown as string })).toThrow(/"a" is 1/);
  });

  test("a tensor that is not as announced", async () => {
    const infos = [{ name: "a", dtype: "F32", shape: [2] }] as const;
    const wrong = async () => ({ ...good, shape: [1, 2] });
    await expect(writeSafetensors({ write: () => {} }, infos, wrong)).rejects.toMatchObject({
      code: "SizeMismatch",
      tensor: "a",
    });
  });
});
