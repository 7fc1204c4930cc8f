import { DeviceLostError, type Backend } from "@tessera/kernels";
import { componentGraph, parseControlNetConfig, readTextualInversion } from "@tessera/models";
import { memorySource, toFloat32, type TensorData, type WeightSource } from "@tessera/safetensors";
import { backends, expectClose, fixtureJson, fixturePath, maxAbs, randomWeights, uniform } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { LoraOptions } from "./adapters.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { controlNetFrom } from "./controlNet.ts";
import type { Image } from "./image.ts";
import { openCheckpoint } from "./node/openCheckpoint.ts";
import { loadStableDiffusion, type LoadOptions, type StableDiffusion } from "./stableDiffusion.ts";
import { textToImage, type TextToImageOptions } from "./textToImage.ts";

const found = await backends();
const { open } = found.find((backend) => backend.name === "wasm") ?? found[0];
const size = { width: 64, height: 64 };
const f32 = (shape: readonly number[], numbers: Float32Array): TensorData => ({
  dtype: "F32",
  shape,
  data: new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength),
});

let backend: Backend;
let checkpoint: Checkpoint;
beforeAll(async () => {
  backend = await open();
  checkpoint = await openCheckpoint(fixturePath("tiny-sd"));
});
afterAll(async () => {
  await backend.dispose();
  await checkpoint.close();
});

const shared = { prompt: "a fox", steps: 4, seed: 7, guidance: 5 };
async function draw(load: LoadOptions = {}, options: Partial<TextToImageOptions> = {}) {
  const sd = await loadStableDiffusion(checkpoint, backend, { ...size, ...load });
  try {
    return await textToImage(sd, { ...shared, ...options });
  } finally {
    sd.dispose();
    expect(backend.liveBytes).toBe(0);
  }
}

describe("LoRA", () => {
  const lora = (
    weight?: number,
    module = "down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_v",
    [inputs, outputs] = [32, 16],
  ): LoraOptions => {
    const source = memorySource({
      [`lora_unet_${module}.lora_down.weight`]: f32([2, inputs], uniform(2 * inputs, 3)),
      [`lora_unet_${module}.lora_up.weight`]: f32([outputs, 2], uniform(2 * outputs, 4)),
    });
    return { name: "style.safetensors", source, weight };
  };

  test("merged at load; weight 0 leaves the picture bit-equal, twice a half is one", async () => {
    const plain = await draw();
    const none = await draw({ loras: [lora(0)] });
    expect(none.latents).toEqual(plain.latents);
    const once = await draw({ loras: [lora()] });
    expect(once.latents).not.toEqual(plain.latents);
    const twice = await draw({ loras: [lora(0.5), lora(0.5)] });
    const off = once.latents.map((x, i) => Math.abs(x - twice.latents[i]));
    expect(Math.max(...off)).toBeLessThan(1e-4);
    expect(once.parameters.loras).toEqual([{ name: "style.safetensors", weight: 1 }]);
  });

  test("kept apart, two of them at weights of each run: as merged with those weights", async () => {
    const other = (weight: number, apart: boolean) => ({
      ...lora(weight, "mid_block_attentions_0_transformer_blocks_0_attn1_to_q", [48, 48]),
      name: "other",
      apart,
    });
    const loras = [{ ...lora(), apart: true }, other(0.25, true)];
    const sd = await loadStableDiffusion(checkpoint, backend, { ...size, loras });
    const seen: Float32Array[] = [];
    for (const weight of [0, 1, -0.5]) {
      const { latents, parameters } = await textToImage(sd, {
        ...shared,
        loraWeights: { "style.safetensors": weight },
      });
      expect(parameters.loras).toEqual([{ name: "style.safetensors", weight }, { name: "other", weight: 0.25 }]); // prettier-ignore
      seen.push(latents);
    }
    await expect(textToImage(sd, { ...shared, loraWeights: { none: 1 } })).rejects.toThrow("style.safetensors, other.");
    sd.dispose();
    for (const [i, weight] of [0, 1, -0.5].entries()) {
      const merged = await draw({ loras: [lora(weight), other(0.25, false)] });
      expectClose(seen[i], merged.latents, 1e-4 * maxAbs(merged.latents), `weight ${weight}`);
    }
    expect(seen[0]).not.toEqual(seen[1]);
  });

  test("one that does not fit is named", async () => {
    await expect(draw({ loras: [lora(1, "down_blocks_7_conv")] })).rejects.toThrow(
      "style.safetensors: The LoRA does not fit this unet: 1 of 1 layers fit nothing",
    );
  });
});

describe("textual inversion", () => {
  test("a token that has a word's row is that word; several rows are several words", async () => {
    const text = await checkpoint.weights("text_encoder");
    const table = await text.get("text_model.embeddings.token_embedding.weight");
    const [, width] = table.shape;
    const { vocab } = await checkpoint.tokenizer();
    const sd = await loadStableDiffusion(checkpoint, backend, size);
    const ids = [...sd.tokenizer.encode("a red fox")].slice(1, 1 + sd.tokenizer.tokens("a red fox").length);
    sd.dispose();
    const rows = toFloat32(table);
    const vectors = Float32Array.from(ids.flatMap((id) => [...rows.subarray(id * width, (id + 1) * width)]));
    const file = memorySource({ emb_params: f32([ids.length, width], vectors) });
    const embeddings = [await readTextualInversion(file, "<Beast>")];
    const plain = await draw({}, { prompt: "a red fox" });
    const learnt = await draw({ embeddings }, { prompt: "<beast>" });
    expect(learnt.latents).toEqual(plain.latents);
    expect(learnt.parameters.embeddings).toEqual(["<Beast>"]);
    expect(Object.values(vocab)).not.toContain(table.shape[0]);
    const other = await draw({ embeddings }, { prompt: "a red fox" });
    expect(other.latents).toEqual(plain.latents);
  });

  test("other files are refused", async () => {
    const row = f32([8], new Float32Array(8));
    await expect(readTextualInversion(memorySource({ emb_params: row }))).rejects.toThrow("Give it a name");
    await expect(readTextualInversion(memorySource({ clip_l: row, clip_g: row }))).rejects.toThrow("holds 2 tensors");
    const wide = await readTextualInversion(memorySource({ "<x>": row }));
    await expect(draw({ embeddings: [wide] })).rejects.toThrow("<x> has rows of 8 numbers, the text encoder's are of");
  });
});

describe("ControlNet", () => {
  let sd: StableDiffusion;
  beforeAll(async () => void (sd = await loadStableDiffusion(checkpoint, backend, size)));
  afterAll(() => sd.dispose());
  const draw = (options: Partial<TextToImageOptions> = {}) => textToImage(sd, { ...shared, ...options });
  const json = {
    ...fixtureJson<object>("tiny-sd/unet/config.json"),
    conditioning_embedding_out_channels: [4, 8, 12, 16],
  };
  const config = parseControlNetConfig(json);
  const random = randomWeights(componentGraph({ component: "controlnet", config }));
  const net = (source: WeightSource = random) => controlNetFrom(source, "canny", json);
  const image: Image = { ...size, data: new Uint8ClampedArray(uniform(4 * 64 * 64).map((z) => 128 * (z + 1))) };
  const zero: WeightSource = {
    ...random,
    names: () => random.names(),
    info: (name) => random.info(name),
    async get(name) {
      const tensor = await random.get(name);
      return /^controlnet_(down|mid)/.test(name) ? { ...tensor, data: new Uint8Array(tensor.data.length) } : tensor;
    },
  };

  test("zero convolutions at zero leave the picture bit-equal; so does no scale, and no share of the steps", async () => {
    const plain = await draw();
    for (const control of [
      { model: net(zero), image },
      { model: net(), image, scale: 0 },
      { model: net(), image, end: 0 },
      { model: net(), image, start: 1 },
    ]) {
      const result = await draw({ control });
      expect(result.latents).toEqual(plain.latents);
      expect(result.image).toEqual(plain.image);
    }
  });

  test("it steers, more with more steps, whatever the guidance", async () => {
    const plain = await draw();
    const distance = async (control: object, guidance = 5) => {
      const { latents } = await draw({ guidance, control: { model: net(), image, ...control } });
      return Math.hypot(...latents.map((x, i) => x - plain.latents[i]));
    };
    const [quarter, whole, weak] = [await distance({ end: 0.25 }), await distance({}), await distance({ scale: 0.01 })];
    expect(quarter).toBeGreaterThan(0);
    expect(whole).not.toBe(quarter);
    expect(weak).toBeLessThan(whole);
    const half = await distance({ start: 0.5 });
    expect(new Set([quarter, whole, weak, half]).size).toBe(4);
    expect(await distance({}, 1)).toBeGreaterThan(0);
    const { parameters } = await draw({ control: { model: net(), image, scale: 0.5 } });
    expect(parameters.control).toEqual({ model: "canny", scale: 0.5, start: 0, end: 1 });
  });

  test.each([1, 3])(
    "what it said and the device lost at call %i is said again; a second loss is an error",
    async (at) => {
      const control = { model: net(), image, end: 0.5 }; // so that call 3 hears what was said at call 2
      const whole = await draw({ control });
      const make = sd.step.bind(sd);
      const lost = new DeviceLostError("The device was lost.");
      let [calls, losses] = [0, 1];
      const step = vi.spyOn(sd, "step").mockImplementation(async (...args) => {
        const program = await make(...args);
        const gone = new Set<unknown>();
        const run: typeof program.run = async (inputs, options) => {
          if (calls >= at && losses-- > 0) gone.add(inputs.mid);
          if (gone.has(inputs.mid)) throw lost;
          calls++;
          return program.run(inputs, options);
        };
        return { ...program, run };
      });
      try {
        expect((await draw({ control })).latents).toEqual(whole.latents);
        [calls, losses] = [0, 2];
        await expect(draw({ control })).rejects.toBe(lost);
      } finally {
        step.mockRestore();
      }
    },
  );

  test("what does not fit is refused", async () => {
    const refused = (control: object, message: string) =>
      expect(draw({ control: { model: net(), image, ...control } })).rejects.toThrow(message);
    await refused({ image: { ...image, width: 32 } }, "The control picture is 32×64, the result shall be 64×64");
    await refused({ start: 0.7, end: 0.3 }, "goes from 0.7 to 0.3");
    const wide = { ...net(), config: { ...config, cross_attention_dim: 1024 } };
    await refused({ model: wide }, "the ControlNet's cross_attention_dim is 1024, the UNet's 32");
    expect(() => controlNetFrom(memorySource({}), "x.safetensors")).toThrow("x.safetensors is no ControlNet");
    const { config: _, ...half } = net();
    const cut: WeightSource = { ...random, names: () => random.names(), info: (n) => n === "conv_in.bias" ? undefined : random.info(n), get: (n) => random.get(n) }; // prettier-ignore
    await refused({ model: { ...half, config, weights: cut } }, "canny: The checkpoint does not fit the model");
  });
});
