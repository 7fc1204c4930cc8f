import { compile, countMacs, countParameters, type HostTensor } from "@tessera/kernels";
import { memorySource, type TensorData, type WeightSource } from "@tessera/safetensors";
import { backends, expectClose, randomWeights, uniform } from "@tessera/testing";
import { afterAll, expect, test } from "vitest";
import { architectures } from "../architectures.ts";
import { tinyDecoderGraph, tinyDecoderNames } from "./tinyDecoder.ts";

const graph = tinyDecoderGraph({ height: 4, width: 6 });
const random = randomWeights(graph);
const backend = await (await backends()).find(({ name }) => name === "wasm")!.open();
afterAll(() => backend.dispose());

async function run(weights: WeightSource, latents: HostTensor): Promise<Float32Array> {
  const program = await compile(graph, backend, { weights });
  const { sample } = await program.run({ latents });
  const read = await sample.read();
  program.dispose();
  return read;
}

/** Every tensor under another name, changed. */
async function copy(change: (name: string, data: Float32Array) => Float32Array, rename = (name: string) => name) {
  const tensors: Record<string, TensorData> = {};
  for (const name of random.names()) {
    const tensor = await random.get(name);
    const { buffer, byteOffset, byteLength } = tensor.data.slice();
    const data = change(name, new Float32Array(buffer, byteOffset, byteLength / 4));
    tensors[rename(name)] = { ...tensor, data: new Uint8Array(data.buffer) };
  }
  return memorySource(tensors);
}

test("counted", () => {
  expect(countParameters(tinyDecoderGraph())).toBe(1_222_531);
  const vae_decoder = architectures.sd15.vae_decoder.graph();
  expect(countMacs(tinyDecoderGraph()).total).toBeLessThan(countMacs(vae_decoder).total / 17);
});

test("the layers are where diffusers counts them, and one further in the original file", async () => {
  const names = [...graph.params.keys()].map((name) => name.replace("decoder.layers.", ""));
  expect(names.filter((name) => !name.includes("conv."))).toEqual(
    ["0.weight", "0.bias", "6.weight", "11.weight", "16.weight", "18.weight", "18.bias"], // prettier-ignore
  );
  expect(names.filter((name) => name.endsWith("conv.0.weight")).map((name) => parseInt(name))).toEqual([
    2, 3, 4, 7, 8, 9, 12, 13, 14, 17,
  ]);
  const original = await copy(
    (_, data) => data,
    (name) => name.replace(/^decoder\.layers\.(\d+)/, (_, layer) => String(Number(layer) + 1)),
  );
  expect([...tinyDecoderNames(original).names()].sort()).toEqual([...graph.params.keys()].sort());
});

test("with silent blocks it is three resizes and five convolutions; what goes in is limited to ±3", async () => {
  const latents = uniform(4 * 4 * 6).map((z) => 4 * z);
  // Blocks add nothing; the other convolutions pass channels 0 to 3 on, through the middle of their windows.
  const through = await copy((name, data) => {
    const identity = name.includes("conv.") || name.endsWith("bias") ? [] : [0, 1, 2, 3];
    const inputs = name === "decoder.layers.0.weight" ? 4 : 64;
    const out = new Float32Array(data.length);
    for (const c of identity) if (c * inputs * 9 + c * 9 + 4 < out.length) out[c * inputs * 9 + c * 9 + 4] = 1;
    return out;
  });
  const sample = await run(through, latents);
  const expected = Float32Array.from({ length: 3 * 32 * 48 }, (_, i) => {
    const [c, row, column] = [Math.floor(i / (32 * 48)), Math.floor(i / 48) % 32, i % 48];
    const z = latents[c * 24 + Math.floor(row / 8) * 6 + Math.floor(column / 8)];
    return 2 * Math.max(0, 3 * Math.tanh(z / 3)) - 1;
  });
  expectClose(sample, expected, 1e-5);
});
