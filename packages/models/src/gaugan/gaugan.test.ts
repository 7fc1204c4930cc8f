import { compile, countMacs, countParameters, Graph, type Backend } from "@tessera/kernels";
import { memorySource, toFloat32, type TensorData } from "@tessera/safetensors";
import { backends, expectClose, fixture, fixtureJson, maxAbs } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compressedGaugan, gauganConfigs, gauganSize, parseGauganConfig, type GauganConfig } from "./config.ts";
import { gauganGraph, separableConv } from "./generator.ts";
import { edges, segmentationOf } from "./segmentation.ts";
import { gauganWeights } from "./weights.ts";

const expected = fixture("tiny-gaugan/expected.safetensors");
const checkpoint = fixture("tiny-gaugan/model.safetensors");
const { nhidden: _, ...json } = fixtureJson<Record<string, unknown>>("tiny-gaugan/config.json");
const config = parseGauganConfig(json, checkpoint);
const { width, height } = gauganSize(config);
const n = (name: string) => expected.numbers(name);
const devices = await backends();
const f32 = (data: Float32Array, shape: readonly number[]): TensorData => ({
  dtype: "F32",
  shape,
  data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

describe.each(devices)("GauGAN, tiny, on $name", ({ open, tolerance }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  // WebGPU on a processor may compile shaders for more than a minute.
  test("the picture, and every recorded module", { timeout: 300_000 }, async () => {
    const graph = gauganGraph(config);
    const recorded = [...expected.names()].filter((name) => name.startsWith("act"));
    const pathOf = (name: string) => name.slice(name.indexOf(".") + 1);
    for (const name of recorded) graph.output(pathOf(name), graph.results.get(pathOf(name))!);
    const program = await compile(graph, backend, { weights: gauganWeights(checkpoint) });
    const labels = await n("label");
    const segmentation = segmentationOf({ width, height, labels, instances: await n("instance") }, config);
    const outputs = await program.run({ segmentation });
    expect(outputs.image.shape).toEqual([1, 3, height, width]);
    for (const name of ["image", ...recorded]) {
      const { shape } = outputs[pathOf(name)];
      const actual = topLeft(await outputs[pathOf(name)].read(), shape, expected.shape(name));
      const reference = await n(name);
      expectClose(actual, reference, tolerance * maxAbs(reference), name);
    }
    program.dispose();
  });
});

describe.each(devices)("GAN Compression on $name", ({ open, tolerance }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test("the separable convolution, by the checkpoint's names", async () => {
    const ops = fixture("ops.safetensors");
    const at = (name: string) => `separable_conv_in.${name}`;
    const graph = new Graph();
    const x = graph.input("x", ops.shape(at("x")));
    graph.output("y", separableConv(graph.scope(), x, ops.shape(at("pw"))[0]));
    const names = { "conv.0.weight": "dw", "conv.0.bias": "db", "conv.2.weight": "pw", "conv.2.bias": "pb" };
    const tensors = Object.entries(names).map(async ([ours, theirs]) => [ours, await ops.get(at(theirs))] as const);
    const program = await compile(graph, backend, {
      weights: memorySource(Object.fromEntries(await Promise.all(tensors))),
    });
    const { y } = await program.run({ x: await ops.numbers(at("x")) });
    const reference = await ops.numbers(at("out"));
    expectClose(await y.read(), reference, tolerance * maxAbs(reference));
    program.dispose();
  });
});

/** The top left of a picture [1 c h w]. */
function topLeft(data: Float32Array, [, , rows, columns]: readonly number[], [, c, h, w]: readonly number[]) {
  return Float32Array.from({ length: c * h * w }, (_, i) => {
    const [plane, row, column] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
    return data[(plane * rows + row) * columns + column];
  });
}

test("a whole compressed generator, on weights of a wider search: wasm paints what the reference paints", async () => {
  const small = { ...compressedGaugan("1_2_1_1_1_3_2_5"), crop_size: 128 };
  const graph = gauganGraph(small);
  const tensors = Object.fromEntries(
    [...graph.params].flatMap(([name, { shape, elements }], i): [string, TensorData][] => {
      const noise = (length: number) => Float32Array.from({ length }, (_, k) => Math.sin((k + 1) * (i + 1) * 12.9898));
      const stem = name.slice(0, name.lastIndexOf("."));
      const wider = elements + 3;
      if (name.endsWith(".scale"))
        return [
          [
            `${stem}.running_var`,
            f32(
              noise(wider).map((v) => v * v + 0.5),
              [wider],
            ),
          ],
        ];
      if (name.endsWith(".shift")) return [[`${stem}.running_mean`, f32(noise(wider), [wider])]];
      const fan = shape.length > 1 ? elements / shape[0] : 1;
      return [
        [
          name,
          f32(
            noise(elements).map((v) => v / Math.sqrt(fan)),
            shape,
          ),
        ],
      ];
    }),
  );
  const size = gauganSize(small);
  const labels = Array.from({ length: size.width * size.height }, (_, i) => Math.floor(i / 97) % 35);
  const paint = async (on: Backend) => {
    const program = await compile(graph, on, { weights: gauganWeights(memorySource(tensors)) });
    const { image } = await program.run({ segmentation: segmentationOf({ ...size, labels }, small) });
    const read = await image.read();
    program.dispose();
    return read;
  };
  const on = (name: string) => devices.find((device) => device.name === name)!.open();
  const [wasm, reference] = [await on("wasm"), await on("reference")];
  const [actual, expected] = [await paint(wasm), await paint(reference)];
  await Promise.all([wasm.dispose(), reference.dispose()]);
  expect(maxAbs(expected)).toBeGreaterThan(0.1);
  expectClose(actual, expected, 5e-5 * maxAbs(expected));
});

describe("the checkpoint", () => {
  test("the hidden width is the weights'", () => {
    expect(config.nhidden).toBe(16);
    expect(parseGauganConfig(json).nhidden).toBe(128);
  });

  test("spectral norm is folded", async () => {
    const folded = gauganWeights(fixture("tiny-gaugan/spectral_norm_sample.safetensors"));
    expect([...folded.names()].sort()).toEqual(["head_0.conv_0.bias", "head_0.conv_0.weight", "up_0.conv_s.weight"]);
    for (const name of ["head_0.conv_0.weight", "up_0.conv_s.weight"]) {
      expect(folded.info(name)?.shape).toEqual(checkpoint.shape(name));
      const reference = await checkpoint.numbers(name);
      expectClose(toFloat32(await folded.get(name)), reference, 1e-6 * maxAbs(reference), name);
    }
  });

  test("statistics of a wider network are cut to its own", async () => {
    const tensors = {
      "n.mlp_beta.conv.2.bias": f32(new Float32Array(2), [2]),
      "n.param_free_norm.running_mean": f32(Float32Array.of(1, 2, 3), [3]),
      "n.param_free_norm.running_var": f32(Float32Array.of(4, 16, 9), [3]),
    };
    const folded = gauganWeights(memorySource(tensors));
    expectClose(toFloat32(await folded.get("n.param_free_norm.scale")), [0.5, 0.25], 1e-5);
    expectClose(toFloat32(await folded.get("n.param_free_norm.shift")), [-0.5, -0.5], 1e-5);
  });
});

describe("the input", () => {
  test("edges mark both sides", async () => {
    expect(edges(await n("instance"), width, height)).toEqual(await n("edges"));
  });

  test("labels become planes; don't care is the last of them", () => {
    const small = { ...gauganConfigs.coco, label_nc: 2 };
    const planes = segmentationOf({ width: 3, height: 1, labels: [1, 255, 0] }, small);
    expect([...planes]).toEqual([0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1]);
  });

  test("what does not fit is named", () => {
    const labels = new Uint8Array(6).fill(0);
    labels[4] = 35;
    const map = { width: 3, height: 2, labels };
    expect(() => segmentationOf(map, config)).toThrow("column 1, row 1 is 35, but this model knows 0 … 34");
    expect(() => segmentationOf({ ...map, width: 4 }, config)).toThrow("labels has 6 numbers, expected 4 × 2 = 8");
  });
});

describe("the published generators", () => {
  test.each<[name: string, config: GauganConfig, parameters: number, gmacs: number]>([
    ["Cityscapes", gauganConfigs.cityscapes, 93_048_003, 281.276612608],
    ["COCO", gauganConfigs.coco, 97_480_899, 191.14],
    ["0.19", gauganConfigs["0.19"], 3_440_823, 13.233],
    ["fast", compressedGaugan("32_32_32_48_32_24_24_32"), 20_174_275, 31.155085312],
    ["small", compressedGaugan("16_40_16_8_16_16_8_16"), 5_883_459, 9.609377792],
    ["paper", compressedGaugan("32_32_48_32_32_32_32_24"), 20_425_019, 31.608],
    ["retrained", compressedGaugan("32_40_40_32_40_24_32_24"), 21_002_811, 31.114],
  ])("%s", (_, config, parameters, gmacs) => {
    const graph = gauganGraph(config);
    expect(countParameters(graph)).toBe(parameters);
    expect(Math.abs(countMacs(graph).total / 1e9 - gmacs)).toBeLessThan(0.005);
  });

  test("a config of another network is refused", () => {
    expect(() => compressedGaugan("32_32")).toThrow('"32_32", expected eight whole numbers');
    expect(() => parseGauganConfig({ norm_G: "spectralspadeinstance3x3" })).toThrow("norm_G");
    expect(() => parseGauganConfig({ crop_size: 16 })).toThrow("crop_size 16 and aspect_ratio 1 leave nothing");
    expect(() => parseGauganConfig({ netG: "sub_mobile_spade" })).toThrow("config_str");
  });
});
