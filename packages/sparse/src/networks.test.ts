import { compile, countMacs, type Backend } from "@tessera/kernels";
import {
  compressedGaugan,
  ddpmConfigs,
  ddpmGraph,
  ddpmNames,
  gauganConfigs,
  gauganGraph,
  gauganSize,
  gauganWeights,
  parseDdpmConfig,
  parseGauganConfig,
  segmentationOf,
  type GauganConfig,
} from "@tessera/models";
import { backends, expectClose, fixture, fixtureJson, maxAbs } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { density, dilate, differenceMask, maskPyramid, type Mask, type Pair, type PyramidOptions } from "./mask.ts";
import { sparseMacs } from "./macs.ts";
import { sparsify, type Sparsified } from "./sparsify.ts";

interface Recorded {
  params: {
    t: number;
    difference_eps: number;
    mask_dilate_radius: number;
    downsample_mask: { min_res: Pair; dilation: number; threshold: number };
  };
  block_settings: Record<string, { normal: number; instance: number; macs_sparse_conv_linear_matmul: number }>;
  macs_dense_conv_linear_matmul: number;
}

interface Spade {
  main_block_size: number;
  shortcut_block_size: number;
  num_sparse_layers: number;
  macs_sparse_conv_linear_matmul: number;
}

describe.each(await backends())("sparse networks on $name", ({ open, tolerance, name: on }) => {
  // The reference takes its time, and WebGPU on a processor compiles shaders for half a minute: one block size must do.
  const settings = <T>(all: Record<string, T>) => Object.entries(all).slice(0, on === "wasm" ? undefined : 1);
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  describe("DDPM", () => {
    const { params, block_settings, macs_dense_conv_linear_matmul } = fixtureJson<Recorded>("sige/ddpm/expected.json");
    const file = fixture("sige/ddpm/expected.safetensors");
    const config = parseDdpmConfig(fixtureJson("tiny-ddpm/config.json"));
    const weights = ddpmNames(fixture("tiny-ddpm/model.safetensors"), 3);
    const { min_res: minimum, dilation, threshold } = params.downsample_mask;
    const timestep = [params.t];

    test.each(settings(block_settings))("blocks of %s", { timeout: 300_000 }, async (setting, recorded) => {
      const dense = ddpmGraph(config);
      expect(countMacs(dense).total).toBe(macs_dense_conv_linear_matmul);
      const [original, edited] = [await file.numbers("original"), await file.numbers("edited")];
      const size = { height: config.image_size, width: config.image_size, eps: params.difference_eps };
      const mask = dilate(differenceMask(original, edited, size), params.mask_dilate_radius);
      const { full, sparse, blocks, states } = sparsify(dense, {
        edited: ["sample"],
        resolution: 32,
        dense: (path) => /^(conv_in|norm_out|conv_out)$/.test(path),
        block: { window: recorded.normal, point: recorded.instance },
      });
      const lists = blocks(maskPyramid(mask, { minimum, dilation, threshold }));
      expect(sparseMacs(sparse, lists)).toBe(recorded.macs_sparse_conv_linear_matmul);

      const recording = await compile(full, backend, { weights });
      const outputs = await recording.run({ sample: await file.numbers("xt_original"), timestep });
      const reference = await file.numbers("out.dense_original");
      expectClose(await outputs.sample.read(), reference, tolerance * maxAbs(reference), "dense");
      const kept = Object.fromEntries(states.map((name) => [name, outputs[name]]));
      const program = await compile(sparse, backend, { weights, bound: kept });
      const given = { ...lists, ...kept, sample: await file.numbers("xt_edited") };
      const { sample } = await program.run(given);
      const want = await file.numbers(`out.sige_edited.${setting}`);
      expectClose(await sample.read(), want, tolerance * maxAbs(want), "sparse");
      program.dispose();
      recording.dispose();
      expect(backend.liveBytes).toBe(0);
    });
  });

  describe.skipIf(on === "reference")("GauGAN", () => {
    const { params, block_settings, macs_dense_conv_linear_matmul } = fixtureJson<
      Recorded & { block_settings: Record<string, Spade> }
    >("sige/gaugan/expected.json");
    const file = fixture("sige/gaugan/expected.safetensors");
    const checkpoint = fixture("tiny-gaugan/model.safetensors");
    const config = parseGauganConfig(fixtureJson("tiny-gaugan/config.json"), checkpoint);
    const weights = gauganWeights(checkpoint);
    const { min_res: minimum, dilation, threshold } = params.downsample_mask;

    test.each(settings(block_settings))("blocks of %s", { timeout: 300_000 }, async (setting, recorded) => {
      const dense = gauganGraph(config);
      expect(countMacs(dense).total).toBe(macs_dense_conv_linear_matmul);
      const size = gauganSize(config);
      const planes = async (which: string) =>
        segmentationOf(
          { ...size, labels: await file.numbers(`label_${which}`), instances: await file.numbers(`instance_${which}`) },
          config,
        );
      const [original, edited] = [await planes("original"), await planes("edited")];
      const difference = differenceMask(original, edited, { ...size, eps: params.difference_eps });
      const mask = dilate(difference, params.mask_dilate_radius);
      const { full, sparse, blocks, states } = sparsify(dense, {
        edited: ["segmentation"],
        resolution: recorded.num_sparse_layers === 5 ? 8 : 16,
        dense: (path) => path === "conv_img",
        block: { window: recorded.main_block_size, point: recorded.shortcut_block_size },
      });
      const lists = blocks(maskPyramid(mask, { minimum, dilation, threshold }));
      expect(sparseMacs(sparse, lists)).toBe(recorded.macs_sparse_conv_linear_matmul);

      const recording = await compile(full, backend, { weights });
      const outputs = await recording.run({ segmentation: original });
      const program = await compile(sparse, backend, { weights });
      const kept = Object.fromEntries(states.map((name) => [name, outputs[name]]));
      const given = { ...lists, ...kept, ...(sparse.inputs.has("segmentation") && { segmentation: edited }) };
      const { image } = await program.run(given);
      const want = await file.numbers(`out.sige_edited.${setting}`);
      expectClose(await image.read(), want, tolerance * maxAbs(want), "sparse");
      program.dispose();
      recording.dispose();
    });
  });
});

describe("multiply-adds of the published networks, within a hundredth", () => {
  const macs = ({ sparse, blocks }: Sparsified, mask: Mask, options: PyramidOptions) =>
    sparseMacs(sparse, blocks(maskPyramid(mask, options))) / 1e9;
  const within = (value: number, published: number) =>
    expect(Math.abs(value / published - 1), `${value} for ${published}`).toBeLessThan(0.01);
  const maskOf = (height: number, width: number, has: (row: number, column: number) => boolean): Mask => {
    const data = Uint8Array.from({ length: height * width }, (_, i) => (has(Math.floor(i / width), i % width) ? 1 : 0));
    return { height, width, data };
  };

  test("DDPM: the least that an edit costs", () => {
    const church = sparsify(ddpmGraph(ddpmConfigs.church256), {
      edited: ["sample"],
      resolution: 64,
      always: (path) => path.endsWith("upsample.conv"),
      dense: (path) => /^(conv_in|norm_out|conv_out)$/.test(path),
    });
    const pixel = (row: number, column: number) =>
      macs(
        church,
        maskOf(256, 256, (i, j) => i === row && j === column),
        { minimum: 8, dilation: 1 },
      );
    // In the middle, where blocks of every resolution meet. Elsewhere, and most in corners, it touches fewer.
    within(pixel(128, 128), 23.0);
    expect(pixel(100, 100)).toBeCloseTo(22.66, 2);
    expect(pixel(0, 0)).toBeCloseTo(22.03, 2);
  });

  describe("GauGAN: a mask of the densities that are listed for 1.18 %", () => {
    // The mask itself is not published. A rounded shape, about twice as wide as tall, has its density at every resolution.
    const listed = [0.0141, 0.0168, 0.0219, 0.0347, 0.0625, 0.1094, 0.25];
    const options = { minimum: [4, 8], dilation: 2 } as const;
    const shape = (middle: number) =>
      dilate(
        maskOf(256, 512, (i, j) => Math.abs((i - middle) / 14) ** 3 + Math.abs((j - 288) / 29) ** 3 <= 1),
        1,
      );
    const made = (config: GauganConfig, resolution: number) =>
      sparsify(gauganGraph(config), {
        edited: ["segmentation"],
        resolution,
        dense: (path) => path === "conv_img",
      });
    const whole = made(gauganConfigs.cityscapes, 16);
    const compressed = made(compressedGaugan("32_32_32_48_32_24_24_32"), 32);

    test("15.3 G, and 5.57 G compressed", () => {
      const mask = shape(185);
      expect(Math.abs(density(mask) - 0.0118)).toBeLessThan(0.0001);
      [...maskPyramid(mask, options).values()].forEach((level, i) =>
        expect(Math.abs(density(level) / listed[i] - 1), `density ${i}`).toBeLessThan(0.015),
      );
      within(macs(whole, mask, options), 15.3);
      within(macs(compressed, mask, options), 5.57);
    });

    test("the same shape elsewhere costs up to 4 % more or less: a row or column of blocks", () => {
      const costs = [186, 182, 174].map((middle) => macs(whole, shape(middle), options));
      [14.7, 15.3, 15.9].forEach((cost, i) => expect(costs[i]).toBeCloseTo(cost, 1));
    });
  });
});
