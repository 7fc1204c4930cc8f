import { compile, countMacs, countParameters, Graph, type Backend, type HostTensor } from "@tessera/kernels";
import { memorySource, renamed, toFloat32, type WeightSource } from "@tessera/safetensors";
import { backends, expectClose, fixture, fixtureJson, maxAbs, randomWeights, uniform } from "@tessera/testing";
import { describe, expect, test } from "vitest";
import { architectures } from "../architectures.ts";
import { separableConv } from "../layers.ts";
import { mobileDiffusion, parseMobileDiffusionConfig } from "./config.ts";
import { feedForward, mobileDiffusionGraph } from "./unet.ts";

describe("counted, against the paper's table", () => {
  const within = (value: number, published: number) =>
    expect(Math.abs(value / published - 1), `${value} for ${published}`).toBeLessThan(0.02);

  test.each([
    ["mobilediffusion", 386e6, 182e9, 386_292_552],
    ["mobilediffusion-lite", 278e6, 153e9, 272_822_600],
  ])("%s", (name, parameters, macs, ours) => {
    const { unet, vae_decoder, vae_decoder_lite } = architectures[name];
    expect(countParameters(unet.graph())).toBe(ours);
    within(countParameters(unet.graph()), parameters);
    within(countMacs(unet.graph()).total, macs);
    within(countParameters(vae_decoder.graph()), 39.3e6);
    within(countParameters(vae_decoder_lite.graph()), 9.8e6);
  });

  test("12 residual blocks, 15 self- and 18 cross-attentions, none at 64×64, no self-attention at 32×32", () => {
    const paths = [...mobileDiffusionGraph(mobileDiffusion).params.keys()];
    const count = (pattern: RegExp) => paths.filter((path) => pattern.test(path)).length;
    expect(count(/resnets\.\d\.norm1\.weight/)).toBe(12);
    expect(count(/attn1\.to_kv\.weight/)).toBe(15);
    expect(count(/attn2\.to_q\.weight/)).toBe(18);
    expect(count(/(down_blocks\.0|up_blocks\.2)\.attentions/)).toBe(0);
    expect(count(/(down_blocks\.1|up_blocks\.1)\..*attn1/)).toBe(0);
    expect(count(/depthwise/)).toBe(2 * 6);
  });
});

const tiny = {
  sample_size: 8,
  in_channels: 4,
  out_channels: 4,
  block_out_channels: [16, 32, 48],
  num_attention_heads: 2,
  cross_attention_dim: 24,
  norm_num_groups: 8,
};
const config = parseMobileDiffusionConfig(tiny);
const inputs = { sample: uniform(4 * 8 * 8, 1), timestep: [501], encoder_hidden_states: uniform(7 * 24, 2) };

async function run(graph: Graph, weights: WeightSource, given: Record<string, HostTensor>, backend?: Backend) {
  const program = await compile(graph, backend ?? definition, { weights });
  const [result] = Object.values(await program.run(given));
  const read = await result.read();
  program.dispose();
  return read;
}
const build = (changes = {}) =>
  mobileDiffusionGraph(parseMobileDiffusionConfig({ ...tiny, ...changes }), { tokens: 7 });

const found = await backends();
const definition = await found.find(({ name }) => name === "reference")!.open();

describe.each(found.filter(({ name }) => name !== "reference"))("on $name", ({ name, open, tolerance }) => {
  test(
    "a tiny one gives what the definition gives, at a size that halves oddly too",
    { timeout: 300_000 },
    async () => {
      const backend = await open();
      const sizes = [
        [8, 8],
        [6, 10],
      ];
      // A software GPU takes a minute to compile the shaders of one size.
      for (const [height, width] of name === "webgpu" ? sizes.slice(1) : sizes) {
        const graph = () => mobileDiffusionGraph(config, { height, width, tokens: 7 });
        const weights = randomWeights(graph());
        const given = { ...inputs, sample: uniform(4 * height * width, 3) };
        const expected = await run(graph(), weights, given);
        expectClose(await run(graph(), weights, given, backend), expected, tolerance * maxAbs(expected));
      }
      await backend.dispose();
    },
  );
});

describe("choices are fields", () => {
  test("shared keys and values are those of two equal projections", async () => {
    const apart = build({ shared_kv: false });
    const weights = randomWeights(build());
    const twice: WeightSource = {
      ...weights,
      names: () => apart.params.keys(),
      info: (name) => weights.info(name.replace(/(attn1)\.to_[kv]\./, "$1.to_kv.")),
      get: (name) => weights.get(name.replace(/(attn1)\.to_[kv]\./, "$1.to_kv.")),
    };
    expect(await run(apart, twice, inputs)).toEqual(await run(build(), weights, inputs));
    expect(countParameters(apart) - countParameters(build())).toBe(15 * 48 * 48);
  });

  test.each([
    ["attention_kind", "softmax"],
    ["ff_activation", "gelu"],
    ["num_attention_heads", 4],
  ])("%s %s is another network of the same parameters", async (field, value) => {
    const [one, other] = [build(), build({ [field]: value })];
    expect([...other.params.keys()]).toEqual([...one.params.keys()]);
    const weights = randomWeights(one);
    expect(await run(other, weights, inputs)).not.toEqual(await run(one, weights, inputs));
  });

  test("lists that do not fit the levels are refused", () => {
    expect(() => parseMobileDiffusionConfig({ separable: [true] })).toThrow("separable has 1 entries, expected 3");
    expect(() => parseMobileDiffusionConfig({ up_transformers: [[2], [1, 1], [0, 0]] })).toThrow(
      "up_transformers has 1 entries for level 2, expected 3",
    );
  });
});

describe("parts against PyTorch", () => {
  const { cases } = fixtureJson<{ cases: { name: string; inputs: Record<string, { tensor: string; shape: number[] }> }[] }>("ops.json"); // prettier-ignore
  const file = fixture("ops.safetensors");
  /** Runs `build` on a recorded case whose parameters are called as `names` say. */
  async function compare(name: string, names: Record<string, string>, build: (g: Graph) => void) {
    const recorded = cases.find((c) => c.name === name)!.inputs;
    const graph = new Graph();
    build(graph);
    const ofTensor = Object.fromEntries(Object.entries(names).map(([key, own]) => [recorded[key].tensor, own]));
    const bytes: Record<string, Awaited<ReturnType<typeof file.get>>> = {};
    for (const tensor of Object.keys(ofTensor)) bytes[tensor] = await file.get(tensor);
    const weights = renamed(memorySource(bytes), (tensor) => ofTensor[tensor]);
    const x = toFloat32(await file.get(recorded.x.tensor));
    const expected = await file.numbers(`${name}.out`);
    expectClose(await run(graph, weights, { x }), expected, 1e-5 * maxAbs(expected), name);
  }

  test("separable convolution", () =>
    compare("separable_conv_plain", { dw: "depthwise.weight", pw: "pointwise.weight", pb: "pointwise.bias" }, (g) =>
      g.output("y", separableConv(g.scope(), g.input("x", [1, 16, 8, 8]), 20)),
    ));
  test("swish feed-forward", () =>
    compare(
      "swish_ffn",
      { w1: "net.0.proj.weight", b1: "net.0.proj.bias", w2: "net.2.weight", b2: "net.2.bias" },
      (g) => {
        const choices = { ff_ratio: 3, ff_gated: false, ff_activation: "silu" } as const;
        g.output("y", feedForward(g.scope(), g.input("x", [1, 12, 24]), choices));
      },
    ));
});
