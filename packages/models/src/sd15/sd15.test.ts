import { compile, countMacs, countParameters, Graph, type Backend, type HostTensor } from "@tessera/kernels";
import type { WeightSource } from "@tessera/safetensors";
import { backends, expectClose, fixture, fixtureJson, maxAbs } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { architectures } from "../architectures.ts";
import { componentGraph } from "./componentGraph.ts";
import { parseClipTextConfig, parseUNetConfig, parseVaeConfig, sd15 } from "./config.ts";
import { diffusersNames, ldmNames } from "./names.ts";
import { resnetBlock } from "../blocks/resnetBlock.ts";
import { transformer } from "./transformer.ts";

const expected = fixture("tiny-sd/expected.safetensors");
const unetConfig = parseUNetConfig(fixtureJson("tiny-sd/unet/config.json"));
const vaeConfig = parseVaeConfig(fixtureJson("tiny-sd/vae/config.json"));
const textConfig = parseClipTextConfig(fixtureJson("tiny-sd/text_encoder/config.json"));

const text = diffusersNames(fixture("tiny-sd/text_encoder/model.safetensors"));
const unetWeights = diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.safetensors"));
const vae = diffusersNames(fixture("tiny-sd/vae/diffusion_pytorch_model.safetensors"));

const n = (name: string) => expected.numbers(name);
const sizes = ["16x16", "16x24", "10x14"].map((name) => ({
  name,
  height: +name.split("x")[0],
  width: +name.split("x")[1],
}));

/** A copy of a graph's outputs plus the named module results. */
function tap(graph: Graph, modules: readonly string[]): Graph {
  for (const path of modules) graph.output(path, graph.results.get(path)!);
  return graph;
}

const found = await backends();
const onWebgpu = found.find(({ name }) => name === "webgpu");

test.skipIf(!onWebgpu)("a device with default limits and small bindings decodes in bands of rows", async () => {
  const backend = await onWebgpu!.open({ defaultLimits: true, limits: { maxStorageBufferBindingSize: 2 ** 18 } });
  const graph = componentGraph({ component: "vae_decoder", config: vaeConfig }, { height: 8, width: 12 });
  expect(Math.max(...graph.nodes.map(({ elements }) => 4 * elements))).toBeGreaterThan(2 ** 18);
  const program = await compile(graph, backend, { weights: vae });
  const { sample } = await program.run({ latents: await n("vae.dec.8x12.z") });
  const image = await n("vae.dec.8x12.image");
  expectClose(await sample.read(), image, 1e-3 * maxAbs(image));
  await backend.dispose();
});

describe.each(found)("Stable Diffusion, tiny, on $name", ({ name, open, tolerance }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  async function run(graph: Graph, weights: WeightSource, inputs: Record<string, HostTensor>) {
    const program = await compile(graph, backend, { weights });
    const outputs = await program.run(inputs);
    const read = await Promise.all(Object.entries(outputs).map(async ([name, t]) => [name, await t.read()] as const));
    program.dispose();
    expect(backend.liveBytes).toBe(0);
    return Object.fromEntries(read);
  }
  async function close(actual: Float32Array, name: string, within = tolerance) {
    const reference = await n(name);
    expectClose(actual, reference, within * maxAbs(reference), name);
  }

  test("text encoder, every prompt and every layer", async () => {
    const ids = Int32Array.from(await n("text.input_ids"));
    const [batch] = expected.shape("text.input_ids");
    const graph = componentGraph({ component: "text_encoder", config: textConfig }, { batch });
    const layers = Array.from({ length: textConfig.num_hidden_layers }, (_, i) => `text_model.encoder.layers.${i}`);
    const out = await run(tap(graph, ["text_model.embeddings", ...layers]), text, { input_ids: ids });
    await close(out.last_hidden_state, "text.last_hidden_state");
    for (const [i, path] of ["text_model.embeddings", ...layers].entries()) {
      const [first] = [await n(`text.hidden_states.${i}`)];
      await close(out[path].subarray(0, first.length), `text.hidden_states.${i}`);
    }
  });

  test.each(sizes)("UNet at $name, every timestep", async ({ name, height, width }) => {
    const program = await compile(
      componentGraph({ component: "unet", config: unetConfig }, { height, width }),
      backend,
      {
        weights: unetWeights,
      },
    );
    const steps = [1, 501, 981].filter((t) => expected.info(`unet.${name}.t${t}.out`));
    expect(steps.length).toBeGreaterThan(0);
    for (const t of steps) {
      const inputs = {
        sample: await n(`unet.${name}.sample`),
        timestep: [t],
        encoder_hidden_states: await n("pipe.cond"),
      };
      const { sample } = await program.run(inputs);
      await close(await sample.read(), `unet.${name}.t${t}.out`);
    }
    program.dispose();
  });

  test("UNet, a batch of unconditional and conditional", async () => {
    const graph = componentGraph({ component: "unet", config: unetConfig }, { batch: 2, height: 16, width: 16 });
    const twice = (a: Float32Array, b: Float32Array) => Float32Array.of(...a, ...b);
    const sample = await n("unet.16x16.sample");
    const out = await run(graph, unetWeights, {
      sample: twice(sample, sample),
      timestep: [501, 501],
      encoder_hidden_states: twice(await n("pipe.uncond"), await n("pipe.cond")),
    });
    await close(out.sample, "unet.cfg_batch.out");
  });

  test("UNet, every recorded module", async () => {
    const graph = componentGraph({ component: "unet", config: unetConfig }, { height: 16, width: 16 });
    const modules = [...expected.names()].filter((name) => name.startsWith("unet.act.")).map((name) => name.slice(9));
    const tapped = modules.filter((path) => graph.results.has(path));
    // What is left: the timestep itself, and skips, which are the results of layers that are among the modules.
    expect(modules.filter((path) => !graph.results.has(path) && !/\.skip\d$|^meta_t$/.test(path))).toEqual([]);
    const out = await run(tap(graph, tapped), unetWeights, {
      sample: await n("unet.16x16.sample"),
      timestep: [501],
      encoder_hidden_states: await n("pipe.cond"),
    });
    for (const path of tapped) await close(out[path], `unet.act.${path}`);
  });

  test.each(["64x64", "64x96"])("VAE encoder at %s, with its modules", async (name) => {
    const [height, width] = name.split("x").map(Number);
    const graph = componentGraph({ component: "vae_encoder", config: vaeConfig }, { height, width });
    const modules = name === "64x64" ? recorded("encoder.", "quant_conv") : [];
    const out = await run(tap(graph, modules), vae, { sample: await n(`vae.enc.${name}.image`) });
    await close(out.moments, `vae.enc.${name}.moments`);
    for (const path of modules) await closeWhole(out[path], path, graph.results.get(path)!.shape);
  });

  test.each(["16x16", "8x12"])("VAE decoder at %s, with its modules", async (name) => {
    const [height, width] = name.split("x").map(Number);
    const graph = componentGraph({ component: "vae_decoder", config: vaeConfig }, { height, width });
    const modules = name === "8x12" ? recorded("decoder.", "post_quant_conv") : [];
    const out = await run(tap(graph, modules), vae, { latents: await n(`vae.dec.${name}.z`) });
    await close(out.sample, `vae.dec.${name}.image`);
    for (const path of modules) await closeWhole(out[path], path, graph.results.get(path)!.shape);
  });

  function recorded(...prefixes: string[]): string[] {
    return [...expected.names()]
      .map((name) => /^vae\.act(?:_crop)?\.(.*)$/.exec(name)?.[1] ?? "")
      .filter((path) => prefixes.some((prefix) => path.startsWith(prefix)));
  }

  /** Compares a module with its record, which may be only the top-left 16×16. */
  async function closeWhole(actual: Float32Array, path: string, shape: readonly number[]) {
    if (expected.info(`vae.act.${path}`)) return close(actual, `vae.act.${path}`);
    const [, c, h, w] = shape;
    const [, , ch, cw] = expected.shape(`vae.act_crop.${path}`);
    const cropped = new Float32Array(c * ch * cw);
    for (let i = 0; i < cropped.length; i++) {
      const [k, row, col] = [Math.floor(i / (ch * cw)), Math.floor(i / cw) % ch, i % cw];
      cropped[i] = actual[(k * h + row) * w + col];
    }
    return close(cropped, `vae.act_crop.${path}`);
  }

  describe("probes, which alone can see a wrong epsilon", () => {
    test("UNet residual block", async () => {
      const graph = new Graph();
      const [x, temb] = [
        graph.input("x", expected.shape("probe.resnet.x")),
        graph.input("temb", expected.shape("probe.temb")),
      ];
      const p = graph.scope("down_blocks.0.resnets.0");
      graph.output(
        "out",
        resnetBlock(p, x, 16, { groups: unetConfig.norm_num_groups, eps: unetConfig.norm_eps, temb }),
      );
      const out = await run(graph, unetWeights, { x: await n("probe.resnet.x"), temb: await n("probe.temb") });
      await close(out.out, "probe.resnet.out");
    });

    test("transformer", async () => {
      const graph = new Graph();
      const x = graph.input("x", expected.shape("probe.transformer.x"));
      const context = graph.input("context", expected.shape("pipe.cond"));
      const p = graph.scope("down_blocks.0.attentions.0");
      graph.output(
        "out",
        transformer(p, x, context, { heads: 4, groups: unetConfig.norm_num_groups, linearProjection: false }),
      );
      const out = await run(graph, unetWeights, { x: await n("probe.transformer.x"), context: await n("pipe.cond") });
      await close(out.out, "probe.transformer.out");
    });

    test("VAE residual block", async () => {
      const graph = new Graph();
      const x = graph.input("x", expected.shape("probe.vae_resnet.x"));
      const p = graph.scope("encoder.down_blocks.0.resnets.0");
      graph.output("out", resnetBlock(p, x, 16, { groups: vaeConfig.norm_num_groups, eps: 1e-6 }));
      await close((await run(graph, vae, { x: await n("probe.vae_resnet.x") })).out, "probe.vae_resnet.out");
    });
  });

  test("fp16 variants and the single-file layout give what float64 gives on the rounded weights", async () => {
    const ldm = fixture("tiny-sd/model_ldm.fp16.safetensors");
    const configs = { unet: unetConfig, vae: vaeConfig };
    const variants = [
      {
        text: diffusersNames(fixture("tiny-sd/text_encoder/model.fp16.safetensors")),
        unet: diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.fp16.safetensors")),
        vae: diffusersNames(fixture("tiny-sd/vae/diffusion_pytorch_model.fp16.safetensors")),
      },
      {
        text: ldmNames("text_encoder", ldm, configs),
        unet: ldmNames("unet", ldm, configs),
        vae: ldmNames("vae", ldm, configs),
      },
    ];
    const ids = Int32Array.from(await n("text.input_ids")).subarray(77, 154);
    for (const variant of variants) {
      const cond = await run(componentGraph({ component: "text_encoder", config: textConfig }), variant.text, {
        input_ids: ids,
      });
      await close(cond.last_hidden_state, "fp16w.text.last_hidden_state");
      const out = await run(componentGraph({ component: "unet", config: unetConfig }), variant.unet, {
        sample: await n("unet.16x16.sample"),
        timestep: [501],
        encoder_hidden_states: cond.last_hidden_state,
      });
      await close(out.sample, "fp16w.unet.out");
      const decoder = componentGraph({ component: "vae_decoder", config: vaeConfig }, { height: 8, width: 12 });
      await close(
        (await run(decoder, variant.vae, { latents: await n("vae.dec.8x12.z") })).sample,
        "fp16w.vae.dec.image",
        // WebGPU rounds Winograd's transforms of halves to halves once more.
        name === "webgpu" ? 1e-2 : tolerance,
      );
    }
  });
});

describe("Stable Diffusion 1.5, counted", () => {
  const unet = componentGraph({ component: "unet", config: sd15.unet });
  const encoder = componentGraph({ component: "vae_encoder", config: sd15.vae });
  const decoder = componentGraph({ component: "vae_decoder", config: sd15.vae });
  const clip = componentGraph({ component: "text_encoder", config: sd15.text_encoder });

  test("parameters", () => {
    expect(countParameters(unet)).toBe(859_520_964);
    expect(countParameters(clip)).toBe(123_060_480);
    expect(countParameters(encoder) + countParameters(decoder)).toBe(83_653_863);
  });

  test("multiply-adds at 512×512, by kind", () => {
    expect(countMacs(unet).total).toBe(401_636_720_640);
    expect(countMacs(unet).byOp.conv2d / 1e9).toBeCloseTo(221.973, 2);
    expect(countMacs(unet).byOp.linear / 1e9).toBeCloseTo(116.638, 2);
    expect(countMacs(unet).byOp.attention / 1e9).toBeCloseTo(63.026, 2);
    expect(countMacs(clip).total).toBe(6_649_251_840);
    expect(countMacs(decoder).total).toBe(1_257_259_466_752);
    expect(countMacs(encoder).total / 1e9).toBeCloseTo(558.33, 1);
  });
});

test("the family of Stable Diffusion, counted", () => {
  const count = (name: string, component: string) => countParameters(architectures[name][component].graph());
  expect(count("sd15-inpainting", "unet")).toBe(859_535_364);
  expect(count("sd2", "unet")).toBe(865_910_724);
  expect(count("sd2", "text_encoder")).toBe(340_387_840);
  const controlnet = architectures["controlnet-sd15"].controlnet.graph();
  expect(countParameters(controlnet)).toBe(361_279_120);
  const under = (prefix: string) =>
    [...controlnet.params.values()].filter((t) => t.path.startsWith(prefix)).reduce((sum, t) => sum + t.elements, 0);
  expect(under("controlnet_cond_embedding.")).toBe(1_086_480);
  expect(under("controlnet_down_blocks.") + under("controlnet_mid_block.")).toBe(11_479_680);
});

test("a config that describes another network is refused by field", () => {
  expect(() => parseUNetConfig({ act_fn: "mish" })).toThrow('act_fn is "mish", expected "silu"');
  expect(() => parseUNetConfig({ addition_embed_type: "text_time" })).toThrow("addition_embed_type");
  expect(() => parseUNetConfig({ block_out_channels: [320, 640] })).toThrow(
    "down_block_types has 4 entries, block_out_channels 2",
  );
});
