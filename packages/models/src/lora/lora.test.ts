import { compile, type Backend, type Graph } from "@tessera/kernels";
import { memorySource, toFloat16Bits, toFloat32, type TensorData, type WeightSource } from "@tessera/safetensors";
import { backends, expectClose, fixture, fixtureJson, maxAbs, uniform } from "@tessera/testing";
import { describe, expect, test } from "vitest";
import { componentGraph } from "../sd15/componentGraph.ts";
import { parseUNetConfig } from "../sd15/config.ts";
import { diffusersNames } from "../sd15/names.ts";
import { readLora } from "./lora.ts";
import { runtimeLora } from "./runtimeLora.ts";
import { withLora } from "./withLora.ts";

const unet = diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.safetensors"));
const unetHalf = diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.fp16.safetensors"));
const text = diffusersNames(fixture("tiny-sd/text_encoder/model.safetensors"));

const rank = 3;
const f32 = (shape: readonly number[], numbers: Float32Array): TensorData => ({
  dtype: "F32",
  shape,
  data: new Uint8Array(numbers.buffer),
});
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Modules of every kind: attention, feed-forward, 1×1 and 3×3 convolutions (one of them strided), text. */
const modules = [
  "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
  "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_out.0",
  "down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj",
  "down_blocks.0.attentions.0.proj_in",
  "down_blocks.0.resnets.0.conv1",
  "down_blocks.0.downsamplers.0.conv",
];
const words = ["text_model.encoder.layers.0.self_attn.q_proj", "text_model.encoder.layers.1.mlp.fc1"];

/** Down and up for a module, the same whatever they are called. */
function halves(module: string): { down: TensorData; up: TensorData } {
  const { shape } = (module.startsWith("text_model") ? text : unet).info(`${module}.weight`)!;
  const [down, up] = [
    [rank, ...shape.slice(1)],
    [shape[0], rank, ...shape.slice(2).map(() => 1)],
  ];
  const seed = [...module].reduce((sum, c) => sum + c.charCodeAt(0), 0);
  return {
    down: f32(
      down,
      uniform(product(down), seed).map((z) => z / 4),
    ),
    up: f32(up, uniform(product(up), seed + 1)),
  };
}

const alpha = 2;
const alphaTensor = f32([], Float32Array.of(alpha));
type Style = (module: string) => { down: string; up: string; alpha?: string };
const kohya: Style = (module) => {
  const at = `${module.startsWith("text_model") ? "lora_te" : "lora_unet"}_${module.replaceAll(".", "_")}`;
  return { down: `${at}.lora_down.weight`, up: `${at}.lora_up.weight`, alpha: `${at}.alpha` };
};
const part = (module: string) => (module.startsWith("text_model") ? "text_encoder" : "unet");
const peft: Style = (m) => ({ down: `${part(m)}.${m}.lora_A.weight`, up: `${part(m)}.${m}.lora_B.weight` });
const peftSaved: Style = (m) => ({
  down: `base_model.model.${m}.lora_A.default.weight`,
  up: `base_model.model.${m}.lora_B.default.weight`,
});
const oldDiffusers: Style = (module) => {
  const attention = /^(.*)\.(to_[qkv]|to_out)(?:\.0)?$/.exec(module);
  const at = attention ? `${attention[1]}.processor.${attention[2]}_lora` : `${module}.lora`;
  const whole = module.startsWith("text_model") ? `text_encoder.${module}.lora_linear_layer` : `unet.${at}`;
  return { down: `${whole}.down.weight`, up: `${whole}.up.weight` };
};

function file(style: Style, of: readonly string[] = [...modules, ...words]): WeightSource {
  const tensors: Record<string, TensorData> = {};
  for (const module of of) {
    const names = style(module);
    const { down, up } = halves(module);
    Object.assign(tensors, { [names.down]: down, [names.up]: up, ...(names.alpha && { [names.alpha]: alphaTensor }) });
  }
  return memorySource(tensors);
}

/** W + weight · scale · up · down by the definition, in float64. */
async function byHand(source: WeightSource, module: string, factor: number): Promise<Float64Array> {
  const base = toFloat32(await source.get(`${module}.weight`));
  const [down, up] = [toFloat32(halves(module).down), toFloat32(halves(module).up)];
  const columns = down.length / rank;
  return Float64Array.from(base, (w, at) => {
    const [o, i] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += up[o * rank + r] * down[r * columns + i];
    return w + factor * sum;
  });
}

test.each([
  ["kohya", kohya, alpha / rank],
  ["PEFT", peft, 1],
  ["PEFT, saved by itself", peftSaved, 1],
  ["old diffusers", oldDiffusers, 1],
] as const)("%s: merged is W + weight · scale · up · down, all else untouched", async (_, style, scale) => {
  const lora = await readLora(file(style));
  for (const [source, changed] of [
    [unet, modules],
    [text, words],
  ] as const) {
    const merged = withLora(source, lora, 0.7);
    for (const name of merged.names()) {
      const module = name.replace(/\.weight$/, "");
      const tensor = await merged.get(name);
      expect(merged.info(name)).toEqual(source.info(name));
      if (changed.includes(module)) {
        const reference = await byHand(source, module, 0.7 * scale);
        expectClose(toFloat32(tensor), reference, 1e-7 * maxAbs(reference), name);
      } else expect(Buffer.compare(tensor.data, (await source.get(name)).data), name).toBe(0);
    }
  }
});

test("weight 0 is bit-equal, float16 stays float16, and alphas can come from beside the file", async () => {
  const [name] = modules;
  const nothing = withLora(unet, await readLora(file(kohya)), 0);
  expect(await nothing.get(`${name}.weight`)).toEqual(await unet.get(`${name}.weight`));
  const half = withLora(unetHalf, await readLora(file(peft), { alpha: 6 }), 1);
  expect(half.info(`${name}.weight`)?.dtype).toBe("F16");
  const rounded = toFloat16Bits(Float32Array.from(await byHand(unetHalf, name, 6 / rank)));
  expect(new Uint8Array((await half.get(`${name}.weight`)).data)).toEqual(new Uint8Array(rounded.buffer));
});

test("diffusers' alphas in the file's header", async () => {
  const metadata = new Map([["lora_adapter_metadata", JSON.stringify({ "unet.lora_alpha": 6, "unet.r": rank })]]);
  const lora = await readLora({ ...file(peft), metadata });
  expect(new Set([...lora.unet.values()].map(({ scale }) => scale))).toEqual(new Set([6 / rank]));
  expect(new Set([...lora.text_encoder.values()].map(({ scale }) => scale))).toEqual(new Set([1]));
  const broken = readLora({ ...file(peft), metadata: new Map([["lora_adapter_metadata", "{"]]) });
  await expect(broken).rejects.toThrow("not JSON");
});

describe("what does not fit is named", () => {
  const read = (tensors: Record<string, TensorData>) => readLora(memorySource(tensors));
  const some = f32([1, 1], new Float32Array(1));
  test("other files and other kinds", async () => {
    await expect(readLora(unet)).rejects.toThrow("This is no LoRA: conv_in.");
    await expect(read({})).rejects.toThrow("it holds no tensors");
    await expect(read({ "lora_unet_a.hada_w1_a": some })).rejects.toThrow(
      "lora_unet_a.hada_w1_a: this is no plain LoRA",
    );
    await expect(read({ "lora_unet_a.lora_up.weight": some })).rejects.toThrow("lora_unet_a has no down");
    const ranks = { "unet.a.lora_A.weight": f32([2, 1], new Float32Array(2)), "unet.a.lora_B.weight": some };
    await expect(read(ranks)).rejects.toThrow("unet.a: down has rank 2, up 1");
  });
  test("another model's", async () => {
    const a = { "unet.mid.to_q.lora_A.weight": some, "unet.mid.to_q.lora_B.weight": some };
    const lora = await read({ ...a, "unet.conv_in.lora_A.weight": some, "unet.conv_in.lora_B.weight": some });
    expect(() => withLora(unet, lora, 0)).toThrow(
      "does not fit this unet: 1 of 2 layers fit nothing, 1 have other sizes. unet.mid.to_q; unet.conv_in is for [1 1], conv_in.weight is [16 4 3 3]",
    );
    expect(withLora(text, lora).info("text_model.final_layer_norm.weight")).toBeDefined();
  });
});

describe.each(await backends())("LoRA on $name", ({ open, tolerance }) => {
  test("kept apart with a weight at run time gives what merging it gives", { timeout: 300_000 }, async () => {
    const backend = await open();
    const lora = await readLora(file(kohya, modules));
    const config = parseUNetConfig(fixtureJson("tiny-sd/unet/config.json"));
    const graph = () => componentGraph({ component: "unet", config }, { height: 8, width: 8 });
    const context = await fixture("tiny-sd/expected.safetensors").numbers("pipe.cond");
    const inputs = { sample: uniform(256), timestep: [501], encoder_hidden_states: context };
    const apart = runtimeLora(graph(), unet, lora);
    const program = await compile(apart.graph, backend, { weights: apart.weights });
    const results: Float32Array[] = [];
    for (const weight of [0, 0.7]) {
      const merged = await run(graph(), backend, withLora(unet, lora, weight), inputs);
      results.push(await (await program.run({ ...inputs, lora_weight: [weight] })).sample.read());
      expectClose(results.at(-1)!, merged, Math.max(1e-5, tolerance / 10) * maxAbs(merged), `weight ${weight}`);
    }
    expect(maxAbs(results[0].map((x, i) => x - results[1][i]))).toBeGreaterThan(0.01 * maxAbs(results[0]));
    program.dispose();
    await backend.dispose();
  });
});

async function run(
  graph: Graph,
  backend: Backend,
  weights: WeightSource,
  inputs: Record<string, Float32Array | number[]>,
) {
  const program = await compile(graph, backend, { weights });
  const result = await (await program.run(inputs)).sample.read();
  program.dispose();
  return result;
}
