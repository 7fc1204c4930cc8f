import { compile, passes, plan, without, type Graph, type HostTensor, type Options, type Plan } from "@tessera/kernels";
import { exportOnnx } from "@tessera/kernels/onnx";
import { wasm } from "@tessera/kernels/wasm";
import { guaranteed, ladders } from "@tessera/kernels/webgpu";
import {
  architectures,
  componentGraph,
  diffusersNames,
  parseClipTextConfig,
  parseUNetConfig,
  parseVaeConfig,
} from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { expectClose, fixture, fixtureJson, maxAbs } from "@tessera/testing";
import * as ort from "onnxruntime-web";
import { describe, expect, test } from "vitest";
import { partition } from "./partition.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const expected = fixture("tiny-sd/expected.safetensors");
const config = {
  text: parseClipTextConfig(fixtureJson("tiny-sd/text_encoder/config.json")),
  unet: parseUNetConfig(fixtureJson("tiny-sd/unet/config.json")),
  vae: parseVaeConfig(fixtureJson("tiny-sd/vae/config.json")),
};
const weights = {
  text: diffusersNames(fixture("tiny-sd/text_encoder/model.safetensors")),
  unet: diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.safetensors")),
  vae: diffusersNames(fixture("tiny-sd/vae/diffusion_pytorch_model.safetensors")),
};
const n = (name: string) => expected.numbers(name);

/** The graph's only output as ONNX Runtime computes it from the exported model. */
async function run(graph: Graph, source: WeightSource, inputs: Record<string, Float32Array | Int32Array>) {
  const { model, outputs } = await exportOnnx(graph, source);
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const feeds = [...graph.inputs].map(([name, { shape, dtype }]) => {
    const tensor = new ort.Tensor(dtype === "i32" ? "int32" : "float32", inputs[name] as Float32Array, [...shape]);
    return [name, tensor] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  const [[name, inModel]] = outputs;
  return { numbers: results[inModel].data as Float32Array, name, inModel };
}

async function close(actual: Float32Array, name: string) {
  const reference = await n(name);
  expectClose(actual, reference, 5e-5 * maxAbs(reference), name);
}

describe("exported networks give PyTorch's numbers in ONNX Runtime", () => {
  test("text encoder", async () => {
    const [batch] = expected.shape("text.input_ids");
    const graph = componentGraph({ component: "text_encoder", config: config.text }, { batch });
    const { numbers } = await run(graph, weights.text, { input_ids: Int32Array.from(await n("text.input_ids")) });
    await close(numbers, "text.last_hidden_state");
  });

  // 10×14 halves to odd sizes, which the way up must find again.
  test.each(["16x24", "10x14"])("UNet at %s", async (size) => {
    const [height, width] = size.split("x").map(Number);
    const graph = componentGraph({ component: "unet", config: config.unet }, { height, width });
    const step = [501, 981, 1].find((t) => expected.info(`unet.${size}.t${t}.out`))!;
    const { numbers, name, inModel } = await run(graph, weights.unet, {
      sample: await n(`unet.${size}.sample`),
      timestep: Float32Array.of(step),
      encoder_hidden_states: await n("pipe.cond"),
    });
    expect([name, inModel]).toEqual(["sample", "out_sample"]);
    await close(numbers, `unet.${size}.t${step}.out`);
  });

  test("VAE, both ways", async () => {
    const encoder = componentGraph({ component: "vae_encoder", config: config.vae }, { height: 64, width: 96 });
    const encoded = await run(encoder, weights.vae, { sample: await n("vae.enc.64x96.image") });
    await close(encoded.numbers, "vae.enc.64x96.moments");
    const decoder = componentGraph({ component: "vae_decoder", config: config.vae }, { height: 8, width: 12 });
    const decoded = await run(decoder, weights.vae, { latents: await n("vae.dec.8x12.z") });
    await close(decoded.numbers, "vae.dec.8x12.image");
  });
});

test("a network in parts gives the numbers of the whole", async () => {
  const graph = componentGraph({ component: "unet", config: config.unet }, { height: 16, width: 16 });
  const limit = 1.5e6;
  const parts = partition(graph, limit);
  expect(parts.length).toBeGreaterThan(2);
  for (const part of parts)
    expect([...part.params.values()].reduce((sum, t) => sum + 4 * t.elements, 0)).toBeLessThanOrEqual(limit);
  expect(new Set(parts.flatMap((part) => [...part.params.keys()]))).toEqual(new Set(graph.params.keys()));

  const backend = await wasm({ threads: 0 });
  const values: Record<string, HostTensor> = {
    sample: await n("unet.16x16.sample"),
    timestep: [501],
    encoder_hidden_states: await n("pipe.cond"),
  };
  for (const part of parts) {
    const program = await compile(part, backend, { weights: weights.unet });
    const inputs = Object.fromEntries([...part.inputs.keys()].map((name) => [name, values[name]]));
    for (const [name, t] of Object.entries(await program.run(inputs))) values[name] = await t.read();
    program.dispose();
  }
  await backend.dispose();
  await close(values.sample as Float32Array, "unet.16x16.t501.out");
});

test("Winograd on WebGPU: the 24 convolutions and the 2093 MiB of weights in f16 of Chen et al. 2023", () => {
  const unet = architectures.sd15.unet.graph();
  const target = { caps: guaranteed, ladders, memoryUnit: "blocks" } as const;
  const planned = (options: Options) =>
    plan(
      passes({ maxBindings: 8, ladders }, options).reduce((g, p) => p.apply(g), unet),
      target,
      options,
      () => "f16",
    );
  /** Norms and biases, which devices keep in f32, counted as the paper does. */
  const mebibytes = ({ weights }: Plan) =>
    weights.reduce((sum, { packing, bytes }) => sum + (packing.name === "dense" ? bytes / 2 : bytes), 0) / 2 ** 20;
  const { calls, ...rest } = planned(without());
  const transformed = calls.filter(({ kernel }) => kernel.name === "conv2d.winograd4");
  expect(transformed.map(({ node }) => node.shape[2]).sort()).toEqual([...Array(11).fill(32), ...Array(13).fill(64)]);
  expect(mebibytes({ calls, ...rest })).toBeCloseTo(2093.05, 2);
  expect(mebibytes(planned(without("winograd4")))).toBeCloseTo(1757.0, 1);
  expect(mebibytes(planned(without("winograd4", "winograd2")))).toBeCloseTo(1639.41, 2);
});
