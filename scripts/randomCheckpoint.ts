/**
 * Writes a Stable Diffusion 1.5 checkpoint of full size with random weights (f16, diffusers layout, 2.1 GB), to measure
 * time and memory where the real one cannot be had:
 *
 *   node --conditions=source --import tsx scripts/randomCheckpoint.ts DIRECTORY
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Graph } from "@tessera/kernels";
import { componentGraph, sd15 } from "@tessera/models";
import { toFloat16Bits, writeSafetensors, type TensorData, type TensorInfo } from "@tessera/safetensors";
import { replaceFile } from "@tessera/safetensors/node";

const directory = process.argv[2];
if (!directory) {
  console.error("usage: randomCheckpoint.ts DIRECTORY");
  process.exit(2);
}

const graphs: Record<string, Graph[]> = {
  "text_encoder/model.fp16.safetensors": [componentGraph({ component: "text_encoder", config: sd15.text_encoder })],
  "unet/diffusion_pytorch_model.fp16.safetensors": [componentGraph({ component: "unet", config: sd15.unet })],
  "vae/diffusion_pytorch_model.fp16.safetensors": [
    componentGraph({ component: "vae_encoder", config: sd15.vae }),
    componentGraph({ component: "vae_decoder", config: sd15.vae }),
  ],
};

/** Uniform numbers in −1 … 1 (xorshift32); the quality of the randomness does not matter here. */
let state = 0x9e3779b9;
function uniform(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state / 2 ** 31;
}

/** Variance-preserving: norms start at 1, biases at 0, matrices at uniform(±√(3 / fan-in)). */
function randomTensor(name: string, shape: readonly number[]): TensorData {
  const count = shape.reduce((a, b) => a * b, 1);
  const scale = Math.sqrt(3 / shape.slice(1).reduce((a, b) => a * b, 1));
  const fill = shape.length > 1 ? () => uniform() * scale : name.endsWith("weight") ? () => 1 : () => 0;
  const data = toFloat16Bits(Float32Array.from({ length: count }, fill));
  return { dtype: "F16", shape, data: new Uint8Array(data.buffer) };
}

for (const [file, parts] of Object.entries(graphs)) {
  const shapes = new Map(parts.flatMap((g) => [...g.params].map(([name, { shape }]) => [name, shape] as const)));
  const infos: TensorInfo[] = [...shapes].map(([name, shape]) => ({
    name,
    dtype: "F16",
    shape,
    bytes: 2 * shape.reduce((a, b) => a * b, 1),
  }));
  const path = join(directory, file);
  await mkdir(join(path, ".."), { recursive: true });
  await replaceFile(path, (sink) =>
    writeSafetensors(sink, infos, async (name) => randomTensor(name, shapes.get(name)!)),
  );
  console.log(
    `${path}: ${infos.length} tensors, ${(infos.reduce((sum, i) => sum + i.bytes, 0) / 2 ** 20).toFixed(0)} MiB`,
  );
}

/** A vocabulary without merges: every byte a token, with and without the end of a word. */
const bytes = [...Array(256).keys()];
const printable = bytes.filter((b) => (b > 32 && b < 127) || (b > 160 && b !== 173));
const others = bytes.filter((b) => !printable.includes(b));
const symbols = [
  ...printable.map((b) => String.fromCodePoint(b)),
  ...others.map((_, i) => String.fromCodePoint(256 + i)),
];
const tokens = [...symbols, ...symbols.map((s) => `${s}</w>`)].map((token, id) => [token, id]);
const json: Record<string, unknown> = {
  "model_index.json": { _class_name: "StableDiffusionPipeline" },
  "text_encoder/config.json": sd15.text_encoder,
  "unet/config.json": sd15.unet,
  "vae/config.json": sd15.vae,
  "scheduler/scheduler_config.json": {
    _class_name: "PNDMScheduler",
    beta_start: 0.00085,
    beta_end: 0.012,
    beta_schedule: "scaled_linear",
    num_train_timesteps: 1000,
    set_alpha_to_one: false,
    skip_prk_steps: true,
    steps_offset: 1,
    clip_sample: false,
  },
  "tokenizer/vocab.json": Object.fromEntries([...tokens, ["<|startoftext|>", 49406], ["<|endoftext|>", 49407]]),
};
for (const [file, value] of Object.entries(json)) {
  await mkdir(join(directory, file, ".."), { recursive: true });
  await writeFile(join(directory, file), JSON.stringify(value, null, 2));
}
await writeFile(join(directory, "tokenizer/merges.txt"), "#version: 0.2\n");
