import { compile, Graph, type Backend, type DeviceTensor, type HostTensor, type Tensor } from "@tessera/kernels";
import { lerp, tokens } from "@tessera/kernels/ops";
import {
  componentGraph,
  ddpmGraph,
  gauganGraph,
  mobileDiffusionGraph,
  parseGauganConfig,
  parseMobileDiffusionConfig,
  parseUNetConfig,
  parseVaeConfig,
  progressiveDistillationGraph,
} from "@tessera/models";
import { backends, expectClose, fixtureJson, maxAbs, randomWeights, uniform } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recorded } from "./analysis.ts";
import { blockMap, type BlockSet } from "./blockSet.ts";
import { maskPyramid, type Mask } from "./mask.ts";
import { sparsify } from "./sparsify.ts";

const pixels = { image_size: 32, out_ch: 3, ch: 8, ch_mult: [1, 2], num_res_blocks: 1, norm_num_groups: 4 };
const spade = { label_nc: 4, num_upsampling_layers: "normal", crop_size: 64, aspect_ratio: 2, ngf: 2, nhidden: 8 };
const unet = parseUNetConfig({
  ...fixtureJson<object>("tiny-sd/unet/config.json"),
  block_out_channels: [8, 16],
  layers_per_block: 1,
  down_block_types: ["CrossAttnDownBlock2D", "DownBlock2D"],
  up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D"],
});
const vae = parseVaeConfig({
  ...fixtureJson<object>("tiny-sd/vae/config.json"),
  block_out_channels: [8, 16],
  layers_per_block: 1,
  down_block_types: Array(2).fill("DownEncoderBlock2D"),
  up_block_types: Array(2).fill("UpDecoderBlock2D"),
});
const mobile = parseMobileDiffusionConfig({
  in_channels: 4,
  out_channels: 4,
  block_out_channels: [8, 16, 24],
  down_transformers: [[0], [1], [1]],
  mid_transformers: 1,
  up_transformers: [[1, 0], [0, 1], [0, 0]], // prettier-ignore
  num_attention_heads: 2,
  cross_attention_dim: 12,
  norm_num_groups: 4,
});

/** The networks as they are published, but for width, depth and size; and what an edit changes of their inputs. */
const networks: Record<string, { graph: () => Graph; edited: string; resolution: number }> = {
  DDPM: {
    graph: () => ddpmGraph({ ...pixels, in_channels: 3, attn_resolutions: [16] }),
    edited: "sample",
    resolution: 16,
  },
  "progressive distillation": {
    graph: () =>
      progressiveDistillationGraph({
        ...pixels,
        in_ch: 3,
        out_ch: 6,
        attn_resolutions: [16],
        temb_ch: 16,
        head_dim: 8,
        mean_type: "both",
      }),
    edited: "sample",
    resolution: 32,
  },
  GauGAN: { graph: () => gauganGraph(parseGauganConfig(spade)), edited: "segmentation", resolution: 8 },
  "GAN Compression": {
    graph: () => gauganGraph(parseGauganConfig({ ...spade, netG: "sub_mobile_spade", config_str: "4_4_4_4_4_4_4_4" })),
    edited: "segmentation",
    resolution: 8,
  },
  "Stable Diffusion's UNet": {
    graph: () => componentGraph({ component: "unet", config: unet }, { height: 16, width: 24, tokens: 5 }),
    edited: "sample",
    resolution: 4,
  },
  "VAE encoder": {
    graph: () => componentGraph({ component: "vae_encoder", config: vae }, { height: 40, width: 24 }),
    edited: "sample",
    resolution: 4,
  },
  "VAE decoder": {
    graph: () => componentGraph({ component: "vae_decoder", config: vae }, { height: 10, width: 14 }),
    edited: "latents",
    resolution: 4,
  },
  MobileDiffusion: {
    graph: () => mobileDiffusionGraph(mobile, { height: 16, width: 24, tokens: 5 }),
    edited: "sample",
    resolution: 4,
  },
};

/** Statistics of group norms, which stay the original's. */
const statistics = ({ nodes }: Graph) =>
  nodes.flatMap((of) => (of.op.name === "groupStats" ? [{ name: `statistics.${of.id}`, of }] : []));

/**
 * What blocks must give, said without blocks: all of the network on all of the edit, where statistics are the original's, and
 * where each recorded tensor that has tiles is the original's outside of them. Its inputs are the network's, the outputs
 * of `recording` as `was.…`, and a mask of pixels for each set of blocks.
 */
function masked(recording: Graph, tiles: ReadonlyMap<string, BlockSet>): Graph {
  const graph = new Graph();
  const copies = new Map<Tensor, Tensor>();
  const given = (name: string, shape: readonly number[]) => graph.inputs.get(name) ?? graph.input(name, shape);
  const nameOf = new Map([...recording.outputs].map(([name, t]) => [t, name]));
  for (const v of recording.nodes) {
    const name = nameOf.get(v);
    const set = tiles.get(name ?? "");
    if (v.op.name === "input") copies.set(v, graph.input(v.path, v.shape));
    else if (v.op.name === "param") copies.set(v, graph.param(v.path, v.shape));
    else if (v.op.name === "groupStats") copies.set(v, given(`was.${name}`, v.shape));
    else {
      const inputs = Object.fromEntries(Object.entries(v.inputs).map(([name, t]) => [name, copies.get(t)!]));
      const now = graph.add({ ...v, inputs });
      if (set) {
        const picture = given(`mask.${set.key}`, [1, 1, set.height / set.scale, set.width / set.scale]);
        const mask = v.shape.length === 4 ? picture : tokens({ x: picture });
        copies.set(v, lerp(given(`was.${name}`, v.shape), now, mask));
      } else copies.set(v, now);
    }
  }
  for (const [name, t] of recording.outputs)
    if (!/^(state|statistics)\./.test(name)) graph.output(name, copies.get(t)!);
  return graph;
}

/** The pixels of a set's active tiles. */
function pixelsOf({ tile, scale, height, width, columns, ...set }: BlockSet, at: Int32Array): Float32Array {
  const map = blockMap({ tile, scale, height, width, columns, ...set }, at);
  const across = width / scale;
  return Float32Array.from({ length: (height / scale) * across }, (_, i) => {
    const [row, column] = [Math.floor(i / across), i % across];
    return map[Math.floor(row / tile) * columns + Math.floor(column / tile)] < 0 ? 0 : 1;
  });
}

/** A few rectangles and scattered pixels. */
function randomMask(height: number, width: number, seed: number): Mask {
  const numbers = uniform(64, seed).map((z) => Math.abs(z) % 1);
  const data = new Uint8Array(height * width);
  for (let k = 0; k < 3; k++) {
    const [top, left, tall, wide] = numbers.subarray(4 * k, 4 * k + 4);
    for (let i = Math.floor(top * height); i < Math.min(height, (top + tall / 4) * height); i++)
      for (let j = Math.floor(left * width); j < Math.min(width, (left + wide / 4) * width); j++)
        data[i * width + j] = 1;
  }
  for (const place of numbers.subarray(12, 15)) data[Math.floor(place * data.length)] = 1;
  return { height, width, data };
}

const found = await backends();
const { open: openWasm } = found.find(({ name }) => name === "wasm")!;
describe.each(found.filter(({ name }) => name !== "reference"))(
  "laws of every network on $name",
  ({ open, name: on }) => {
    // Originals and definitions are computed by WebAssembly, whose kernels take no minute to compile.
    let [definer, backend]: Backend[] = [];
    beforeAll(async () => {
      definer = await openWasm();
      backend = on === "wasm" ? definer : await open();
    });
    afterAll(async () => {
      await definer.dispose();
      if (backend !== definer) await backend.dispose();
    });
    const same = (actual: Float32Array, want: Float32Array, what: string) =>
      expectClose(actual, want, 1e-5 * maxAbs(want), what);

    test.each(Object.keys(networks))("%s", async (name) => {
      const { graph: build, edited, resolution } = networks[name];
      const graph = build();
      const sparsified = sparsify(graph, { edited: [edited], resolution, always: (path) => /upsample/.test(path) });
      const { full, sparse, states, sets, tiles, blocks } = sparsified;
      const weights = randomWeights(graph);
      const recording = recorded(full, statistics(full));
      const definition = masked(recording, tiles);
      const programs = await Promise.all([
        compile(recording, definer, { weights }),
        compile(definition, definer, { weights }),
        compile(sparse, backend, { weights }),
      ]);
      const [record, define, edit] = programs;
      const only = (g: Graph, all: Record<string, HostTensor | DeviceTensor>) =>
        Object.fromEntries([...g.inputs.keys()].map((input) => [input, all[input]]));
      const first = async (outputs: Record<string, DeviceTensor>) => outputs[[...graph.outputs.keys()][0]].read();

      const inputs: Record<string, HostTensor> = Object.fromEntries(
        [...graph.inputs].map(([input, t]) => [input, input === "timestep" ? [501] : uniform(t.elements, t.id + 1)]),
      );
      const was = await record.run(inputs);
      const before = await first(was);
      const kept: Record<string, HostTensor | DeviceTensor> = {};
      for (const state of states) kept[state] = backend === definer ? was[state] : await was[state].read();
      const other = { ...inputs, [edited]: uniform(graph.inputs.get(edited)!.elements, 99) };
      const byBlocks = async (given: typeof inputs, lists: ReturnType<typeof blocks>) =>
        first(await edit.run(only(sparse, { ...given, ...kept, ...lists })));
      const asDefined = async (given: typeof inputs, lists: ReturnType<typeof blocks>) => {
        const masks = sets.map((set) => [`mask.${set.key}`, pixelsOf(set, lists[`at.${set.key}`])]);
        const originals = Object.entries(was).map(([output, t]) => [`was.${output}`, t]);
        return first(await define.run(only(definition, { ...given, ...Object.fromEntries([...masks, ...originals]) })));
      };

      // An empty mask gives the original, whatever was edited.
      expectClose(await byBlocks(other, blocks()), before, 0, "nothing is edited");

      const [height, width] = ["height", "width"].map((d) => Math.max(...sets.map((set) => set[d as "height"])));
      const all = blocks(maskPyramid({ height, width, data: new Uint8Array(height * width).fill(1) }, { minimum: 1 }));
      // A full mask gives the whole network's result: the original's own, and another picture's with these statistics.
      same(await byBlocks(inputs, all), before, "all of the same picture");
      const dense = await asDefined(other, all);
      same(await byBlocks(other, all), dense, "all of another picture");
      expect(maxAbs(dense.map((x, i) => x - before[i])), "what an edit changes").toBeGreaterThan(0.01 * maxAbs(before));

      for (let seed = 1; seed <= 3; seed++) {
        const lists = blocks(maskPyramid(randomMask(height, width, seed), { minimum: 1 }));
        same(await byBlocks(other, lists), await asDefined(other, lists), `mask ${seed}`);
      }
      for (const program of programs) program.dispose();
      expect(backend.liveBytes).toBe(0);
    });
  },
);
