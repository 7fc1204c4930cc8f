import { compile, countMacs, countParameters, type Backend, type Graph, type HostTensor } from "@tessera/kernels";
import { renamed } from "@tessera/safetensors";
import { backends, expectClose, fixture, fixtureJson, maxAbs } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ddpmConfigs, parseDdpmConfig } from "./config.ts";
import { ddpmName, ddpmNames } from "./names.ts";
import { ddpmGraph } from "./unet.ts";

const expected = fixture("tiny-ddpm/expected.safetensors");
const config = parseDdpmConfig(fixtureJson("tiny-ddpm/config.json"));
const weights = fixture("tiny-ddpm/model.safetensors");
const layout = fixtureJson<{ unet_config: object; key_map: Record<string, string> }>("tiny-ddpm/diffusers_layout.json");
const n = (name: string) => expected.numbers(name);

// The reference takes its time, and so does WebGPU on a processor while it compiles shaders.
describe.each(await backends())("DDPM, tiny, on $name", { timeout: 300_000 }, ({ open, tolerance }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  async function run(graph: Graph, inputs: Record<string, HostTensor>, from = ddpmNames(weights, 3)) {
    const program = await compile(graph, backend, { weights: from });
    const outputs = await program.run(inputs);
    const read = await Promise.all(Object.entries(outputs).map(async ([name, t]) => [name, await t.read()] as const));
    program.dispose();
    return Object.fromEntries(read);
  }
  async function close(actual: Float32Array, name: string) {
    const reference = await n(name);
    expectClose(actual, reference, tolerance * maxAbs(reference), name);
  }

  test.each([0, 999])("timestep %i", async (t) => {
    await close((await run(ddpmGraph(config), { sample: await n("x"), timestep: [t] })).sample, `out.t${t}`);
  });

  test("two pictures at once, with every recorded module", async () => {
    const graph = ddpmGraph(config, { batch: 2 });
    const recorded = [...expected.names()].filter((name) => name.startsWith("act"));
    for (const name of recorded) {
      const path = name.slice(name.indexOf(".") + 1);
      graph.output(path, graph.results.get(path)!);
    }
    const out = await run(graph, { sample: [...(await n("x")), ...(await n("x2"))], timestep: [400, 400] });
    await close(out.sample, "out.batch2");
    await close(out.sample.subarray(0, out.sample.length / 2), "out.t400");
    for (const name of recorded) {
      const path = name.slice(name.indexOf(".") + 1);
      const width = graph.results.get(path)!.shape.at(-1)!;
      await close(topLeft(out[path], width, expected.shape(name)), name); // the first picture's
    }
  });

  test("names and config of diffusers, and a picture that is not square", async () => {
    const back = new Map(Object.entries(layout.key_map).map(([theirs, ours]) => [ours, theirs]));
    const theirs = renamed(weights, (name) => back.get(name));
    const parsed = parseDdpmConfig(layout.unet_config);
    expect(parsed).toEqual(config);
    const graph = ddpmGraph(parsed, { height: 48, width: 80 });
    const inputs = { sample: await n("nonsquare.x"), timestep: [400] };
    await close((await run(graph, inputs, ddpmNames(theirs, 3))).sample, "nonsquare.out.t400");
  });
});

/** The first picture's top-left `shape` [1 c h w] of square planes of the given width; or as many numbers, if it is no picture. */
function topLeft(data: Float32Array, width: number, [, c, h, w]: readonly number[]): Float32Array {
  if (!h) return data.subarray(0, c);
  const size = width * width;
  return Float32Array.from({ length: c * h * w }, (_, i) => {
    const [plane, row, column] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
    return data[plane * size + row * width + column];
  });
}

test("parameters and multiply-adds of the published networks", () => {
  const counted = (name: keyof typeof ddpmConfigs) => {
    const graph = ddpmGraph(ddpmConfigs[name]);
    return [countParameters(graph), countMacs(graph).total];
  };
  expect(counted("church256")).toEqual([113_673_219, 248_513_757_184]);
  const [cifar, celeba] = [counted("cifar10"), counted("celeba64")];
  expect([cifar[0], celeba[0]]).toEqual([35_746_307, 78_700_803]);
  expect(cifar[1] / 1e9).toBeCloseTo(6.222, 3);
  expect(celeba[1] / 1e9).toBeCloseTo(24.051, 3);
});

test("old names of diffusers' attention", () => {
  const name = ddpmName(6);
  expect(name("up_blocks.1.attentions.2.query.weight")).toBe("up.4.attn.2.q.weight");
  expect(name("mid_block.attentions.0.proj_attn.bias")).toBe("mid.attn_1.proj_out.bias");
  expect(name("down_blocks.4.attentions.0.group_norm.weight")).toBe("down.4.attn.0.norm.weight");
  expect(name("up.1.upsample.conv.weight")).toBe("up.1.upsample.conv.weight"); // the original's own
});

test("a config of another network is refused by field", () => {
  expect(() => parseDdpmConfig({ ...layout.unet_config, norm_eps: 1e-5 })).toThrow("norm_eps is 0.00001");
  expect(() => parseDdpmConfig({ ...layout.unet_config, up_block_types: ["UpBlock2D"] })).toThrow("mirror image");
  expect(() => parseDdpmConfig({ data: { image_size: 32 } })).toThrow("model is undefined");
});
