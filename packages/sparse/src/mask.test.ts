import { toInt32 } from "@tessera/safetensors";
import { fixture, fixtureJson } from "@tessera/testing";
import { describe, expect, test } from "vitest";
import { activeBlocks, blockSet } from "./blockSet.ts";
import { density, differenceMask, dilate, maskPyramid, pair, type Mask, type Pair } from "./mask.ts";

interface Recorded {
  masks: {
    name: string;
    mask: string;
    dilate: { dilation: Pair; out: string }[];
    reduce: { block_size: Pair; stride: Pair; padding: Pair; out: string; num_active: number }[];
    downsample: {
      params: { dilation: Pair; threshold: number; min_res: Pair };
      out: Record<string, string>;
    }[];
  }[];
}
const { masks } = fixtureJson<Recorded>("sige/ops/expected.json");
const ops = fixture("sige/ops/expected.safetensors");

async function read(file: typeof ops, name: string): Promise<Mask> {
  const [height, width] = file.shape(name);
  return { height, width, data: Uint8Array.from((await file.get(name)).data) };
}
const indices = async (file: typeof ops, name: string) => [...toInt32(await file.get(name))];

describe.each(masks)("$name", ({ mask: name, dilate: dilations, reduce, downsample }) => {
  test("grown", async () => {
    const mask = await read(ops, name);
    for (const { dilation, out } of dilations) expect(dilate(mask, dilation).data).toEqual((await read(ops, out)).data);
  });

  test("active blocks", async () => {
    const mask = await read(ops, name);
    for (const { block_size, stride, padding, out } of reduce) {
      const [[size, other], [step], offset] = [pair(block_size), pair(stride), pair(padding)];
      if (size !== other) continue; // no network has oblong blocks
      // Blocks and steps as recorded, whatever window they were cut for.
      const kernel = size - step + 1;
      const set = blockSet(mask, { kernel, stride: 1, offset }, size);
      expect([set.size, set.step]).toEqual([size, step]);
      expect([...activeBlocks(set, mask)]).toEqual(await indices(ops, out));
    }
  });

  test("at every resolution", async () => {
    const mask = await read(ops, name);
    for (const { params, out } of downsample) {
      const { dilation, threshold, min_res: minimum } = params;
      const pyramid = maskPyramid(mask, { dilation, threshold, minimum });
      expect([...pyramid.keys()]).toEqual(Object.keys(out));
      for (const [size, level] of pyramid) expect(level.data).toEqual((await read(ops, out[size])).data);
    }
  });
});

interface Network {
  params: {
    difference_eps: number;
    mask_dilate_radius: number;
    edit_ratio: number;
    edit_ratio_dilated: number;
    downsample_mask: { min_res: Pair; dilation: number; threshold: number };
  };
  block_settings: Record<string, { gathers: Gather[] }>;
}
interface Gather {
  input_res: [number, number];
  block_size: Pair;
  offset: Pair;
  kernel_size: Pair;
  conv_stride: Pair;
  num_active: number;
  indices: string;
}

describe.each(["ddpm", "gaugan"])("the edit of %s", (name) => {
  const { params, block_settings } = fixtureJson<Network>(`sige/${name}/expected.json`);
  const file = fixture(`sige/${name}/expected.safetensors`);
  const { min_res: minimum, dilation, threshold } = params.downsample_mask;
  const pyramid = async () => {
    const mask = await read(file, "difference_mask_dilated");
    return maskPyramid(mask, { minimum, dilation, threshold });
  };

  test("difference, growth and every resolution", async () => {
    const expected = await read(file, "difference_mask");
    if (name === "ddpm") {
      const [a, b] = [await file.numbers("original"), await file.numbers("edited")];
      expect(differenceMask(a, b, { ...expected, eps: params.difference_eps }).data).toEqual(expected.data);
    }
    expect(density(expected)).toBe(params.edit_ratio);
    const grown = dilate(expected, params.mask_dilate_radius);
    expect(grown.data).toEqual((await read(file, "difference_mask_dilated")).data);
    expect(density(grown)).toBe(params.edit_ratio_dilated);
    const levels = await pyramid();
    expect([...levels.keys()].sort()).toEqual(
      [...file.names()].flatMap((n) => /^mask\.(.*)/.exec(n)?.[1] ?? []).sort(),
    );
    for (const [size, mask] of levels) expect(mask.data, size).toEqual((await read(file, `mask.${size}`)).data);
  });

  test.each(Object.entries(block_settings))("active blocks of %s", async (setting, { gathers }) => {
    const levels = await pyramid();
    expect(gathers.length).toBeGreaterThan(0);
    for (const {
      input_res: [height, width],
      block_size,
      offset,
      kernel_size,
      conv_stride,
      num_active,
      indices: key,
    } of gathers) {
      const window = { kernel: pair(kernel_size)[0], stride: pair(conv_stride)[0], offset };
      const set = blockSet({ height, width }, window, pair(block_size)[0]);
      const blocks = activeBlocks(set, levels.get(`${height}x${width}`)!);
      expect(blocks.length / 2).toBe(num_active);
      expect([...blocks]).toEqual(await indices(file, `${setting}.${key}`));
    }
  });
});
