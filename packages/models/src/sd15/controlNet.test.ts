import { compile, Graph, type Backend } from "@tessera/kernels";
import { memorySource, merged, renamed, type TensorData, type WeightSource } from "@tessera/safetensors";
import { backends, expectClose, fixture, fixtureJson, maxAbs, randomWeights, uniform } from "@tessera/testing";
import { describe, expect, test } from "vitest";
import { componentGraph } from "./componentGraph.ts";
import { controlNetSd15, parseControlNetConfig, parseUNetConfig } from "./config.ts";
import { controlNetNames, diffusersNames } from "./names.ts";
import { unet } from "./unet.ts";

const json = fixtureJson<object>("tiny-sd/unet/config.json");
const unetConfig = parseUNetConfig(json);
const config = parseControlNetConfig({ ...json, conditioning_embedding_out_channels: [4, 8, 12, 16] });
const size = { height: 16, width: 16 };
const little = { height: 8, width: 8 };
const expected = fixture("tiny-sd/expected.safetensors");
const unetWeights = diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.safetensors"));
const control = componentGraph({ component: "controlnet", config }, size);

const inputs = async () => ({
  sample: await expected.numbers("unet.16x16.sample"),
  timestep: [501],
  encoder_hidden_states: await expected.numbers("pipe.cond"),
});

/** The tiny UNet at 8×8 with what a ControlNet says as further inputs. */
function steeredGraph(): Graph {
  const graph = new Graph();
  const { cross_attention_dim } = unetConfig;
  const { outputs } = componentGraph({ component: "controlnet", config }, little);
  const given = (name: string) => graph.input(name, outputs.get(name)!.shape);
  const down = [...outputs.keys()].filter((name) => name !== "mid").map(given);
  const sample = graph.input("sample", [1, 4, 8, 8]);
  const timestep = graph.input("timestep", [1]);
  const encoder_hidden_states = graph.input("encoder_hidden_states", [1, 77, cross_attention_dim]);
  const steering = { down, mid: given("mid") };
  graph.output("sample", unet(graph.scope(), { sample, timestep, encoder_hidden_states }, unetConfig, steering));
  return graph;
}

async function run(
  graph: Graph,
  backend: Backend,
  weights: WeightSource,
  given: Record<string, Float32Array | number[]>,
) {
  const program = await compile(graph, backend, { weights });
  const outputs = Object.entries(await program.run(given));
  const read = await Promise.all(outputs.map(async ([name, t]) => [name, await t.read()] as const));
  program.dispose();
  return Object.fromEntries(read);
}

/** The weights with some replaced. */
const replaced = (source: WeightSource, change: (name: string, data: Float32Array) => Float32Array | undefined) => {
  const get = async (name: string): Promise<TensorData> => {
    const tensor = await source.get(name);
    const { buffer, byteOffset, byteLength } = tensor.data.slice();
    const data = change(name, new Float32Array(buffer, byteOffset, byteLength / 4));
    return data ? { ...tensor, data: new Uint8Array(data.buffer) } : tensor;
  };
  return { names: () => source.names(), info: (name: string) => source.info(name), get };
};

describe.each(await backends())("ControlNet, tiny, on $name", ({ open, tolerance }) => {
  const random = randomWeights(control);
  test("zero convolutions at zero leave the UNet bit-equal, others do not", { timeout: 300_000 }, async () => {
    const backend = await open();
    const zero = replaced(random, (name, data) =>
      /^controlnet_(down|mid)/.test(name) ? new Float32Array(data.length) : undefined,
    );
    const plain = componentGraph({ component: "unet", config: unetConfig }, little);
    const control = componentGraph({ component: "controlnet", config }, little);
    const given = { ...(await inputs()), sample: uniform(4 * 8 * 8) };
    const steering = { ...given, controlnet_cond: uniform(3 * 64 * 64, 5), conditioning_scale: [1] };
    const alone = await run(plain, backend, unetWeights, given);
    const silent = await run(control, backend, zero, steering);
    const steered = await run(steeredGraph(), backend, unetWeights, { ...silent, ...given });
    expect(steered.sample).toEqual(alone.sample);
    const loud = await run(control, backend, random, steering);
    const moved = await run(steeredGraph(), backend, unetWeights, { ...loud, ...given });
    expect(moved.sample).not.toEqual(alone.sample);
    const half = await run(control, backend, random, { ...steering, conditioning_scale: [0.5] });
    for (const [name, values] of Object.entries(half))
      expectClose(
        values,
        loud[name].map((x) => x / 2),
        1e-6 * maxAbs(loud[name]),
        name,
      );
    await backend.dispose();
  });

  test("with the UNet's own weights, no hint and identities for zeros, it says what the UNet's skips are", async () => {
    const backend = await open();
    const own = merged(
      renamed(unetWeights, (name) => (control.params.has(name) ? name : undefined)),
      renamed(random, (name) => (name.startsWith("controlnet_") ? name : undefined)),
    );
    const copy = replaced(own, (name, data) => {
      if (name.startsWith("controlnet_cond_embedding.conv_out")) return new Float32Array(data.length);
      if (!name.startsWith("controlnet_")) return undefined;
      const side = Math.sqrt(data.length);
      return name.endsWith("bias") ? data.map(() => 0) : data.map((_, i) => (i % (side + 1) === 0 ? 1 : 0));
    });
    const steering = { controlnet_cond: uniform(3 * 128 * 128, 5), conditioning_scale: [1] };
    const said = await run(control, backend, copy, { ...(await inputs()), ...steering });
    const close = (name: string, path: string) =>
      expected.numbers(`unet.act.${path}`).then((act) => expectClose(said[name], act, tolerance * maxAbs(act), path));
    await close("down.0", "conv_in");
    await close("down.1", "down_blocks.0.attentions.0");
    await close("mid", "mid_block");
    await backend.dispose();
  });
});

test("the names of the original file are those of diffusers, one for one", () => {
  const graph = componentGraph({ component: "controlnet", config: controlNetSd15 });
  const original = [...graph.params.keys()].map(toOriginal);
  expect(original).toContain("control_model.input_hint_block.14.weight");
  expect(original).toContain("control_model.input_blocks.11.0.in_layers.2.weight");
  const data = { dtype: "F32", shape: [0], data: new Uint8Array() } as const;
  for (const prefix of ["control_model.", ""]) {
    const file = memorySource(
      Object.fromEntries(original.map((name) => [name.replace("control_model.", prefix), data])),
    );
    expect([...controlNetNames(file, controlNetSd15).names()].sort()).toEqual([...graph.params.keys()].sort());
  }
});

/** diffusers → original, written from the other side (`convert_ldm_unet_checkpoint` read backwards). */
function toOriginal(name: string): string {
  const inBlock = (rest: string) =>
    rest
      .replace("norm1.", "in_layers.0.")
      .replace("conv1.", "in_layers.2.")
      .replace("time_emb_proj.", "emb_layers.1.")
      .replace("norm2.", "out_layers.0.")
      .replace("conv2.", "out_layers.3.")
      .replace("conv_shortcut.", "skip_connection.");
  const key = name
    .replace(/^time_embedding\.linear_(\d)/, (_, i) => `time_embed.${2 * (Number(i) - 1)}`)
    .replace(/^conv_in\./, "input_blocks.0.0.")
    .replace(/^controlnet_down_blocks\.(\d+)\./, "zero_convs.$1.0.")
    .replace(/^controlnet_mid_block\./, "middle_block_out.0.")
    .replace(/^controlnet_cond_embedding\.conv_in\./, "input_hint_block.0.")
    .replace(/^controlnet_cond_embedding\.conv_out\./, "input_hint_block.14.")
    .replace(/^controlnet_cond_embedding\.blocks\.(\d+)\./, (_, i) => `input_hint_block.${2 * (Number(i) + 1)}.`)
    .replace(/^mid_block\.attentions\.0\./, "middle_block.1.")
    .replace(/^mid_block\.resnets\.(\d)\.(.*)/, (_, i, rest) => `middle_block.${2 * Number(i)}.${inBlock(rest)}`)
    .replace(/^down_blocks\.(\d)\.downsamplers\.0\.conv\./, (_, b) => `input_blocks.${3 * (Number(b) + 1)}.0.op.`)
    .replace(/^down_blocks\.(\d)\.(resnets|attentions)\.(\d)\.(.*)/, (_, b, kind, i, rest) => {
      const block = 3 * Number(b) + Number(i) + 1;
      return kind === "resnets" ? `input_blocks.${block}.0.${inBlock(rest)}` : `input_blocks.${block}.1.${rest}`;
    });
  return `control_model.${key}`;
}
