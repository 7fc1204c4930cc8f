import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { memorySource } from "./memorySource.ts";
import { openSafetensors, type RangeReader } from "./openSafetensors.ts";
import { toFloat32 } from "./toFloat32.ts";

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../fixtures/tiny-sd/${name}`, import.meta.url)));
const unet = fixture("unet/diffusion_pytorch_model.safetensors");

function recordingReader(bytes: Uint8Array) {
  const reads: [number, number][] = [];
  let closed = 0;
  const reader: RangeReader = {
    size: bytes.length,
    read: async (begin, end) => {
      reads.push([begin, end]);
      return bytes.slice(begin, end);
    },
    close: async () => void closed++,
  };
  return { reader, reads, closed: () => closed };
}

test("reads the header, then only the bytes of what is asked for", async () => {
  const { reader, reads, closed } = recordingReader(unet);
  const source = await openSafetensors(reader);
  const headerEnd = 8 + Number(new DataView(unet.buffer, unet.byteOffset).getBigUint64(0, true));
  expect(reads).toEqual([
    [0, 8],
    [8, headerEnd],
  ]);
  expect([...source.names()]).toHaveLength(686);
  expect(source.metadata.get("format")).toBe("pt");
  expect(source.info("conv_in.weight")).toMatchObject({ dtype: "F32", shape: [16, 4, 3, 3], bytes: 2304 });
  expect(reads).toHaveLength(2);

  const tensor = await source.get("conv_in.weight");
  expect(reads.slice(2)).toEqual([[headerEnd + 64, headerEnd + 64 + 2304]]);
  expect(tensor.data).toEqual(unet.slice(headerEnd + 64, headerEnd + 64 + 2304));
  await source.close?.();
  expect(closed()).toBe(1);
});

test("the f16 checkpoint is the f32 one, rounded", async () => {
  const wide = await openSafetensors(new Blob([unet]));
  const narrow = await openSafetensors(new Blob([fixture("unet/diffusion_pytorch_model.fp16.safetensors")]));
  for (const name of narrow.names()) {
    const a = toFloat32(await wide.get(name));
    const b = toFloat32(await narrow.get(name));
    const worst = a.reduce((worst, x, i) => Math.max(worst, Math.abs(x - b[i]!) / Math.max(Math.abs(x), 2 ** -14)), 0);
    expect(worst, name).toBeLessThanOrEqual(2 ** -11);
  }
});

test("a reader that returns too little is an error that names the tensor", async () => {
  const { reader } = recordingReader(unet);
  let short = false;
  const source = await openSafetensors({
    ...reader,
    read: async (begin, end) => reader.read(begin, short ? end - 1 : end),
  });
  short = true;
  await expect(source.get("conv_in.bias")).rejects.toMatchObject({
    code: "Truncated",
    tensor: "conv_in.bias",
    numbers: { expected: 64, actual: 63 },
  });
});

test("an unknown name, and an abort", async () => {
  const source = memorySource(unet);
  await expect(source.get("nope")).rejects.toMatchObject({ code: "MissingTensor", tensor: "nope" });
  await expect(source.get("conv_in.bias", { signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: "AbortError",
  });
});

test("a file that is rejected is closed", async () => {
  const { reader, closed } = recordingReader(unet.subarray(0, 1000));
  await expect(openSafetensors(reader)).rejects.toMatchObject({ code: "InvalidHeaderLength" });
  expect(closed()).toBe(1);
});

test("data come aligned from a file whose header is not", async () => {
  const json = '{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}';
  const bytes = new Uint8Array(8 + json.length + 8);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(json.length), true);
  bytes.set(new TextEncoder().encode(json), 8);
  view.setFloat64(8 + json.length, Math.PI, true);
  const { data } = await memorySource(bytes).get("a");
  expect(new Float64Array(data.buffer, data.byteOffset, 1)[0]).toBe(Math.PI);
});
