import { compile, countMacs, Graph, type Backend, type DeviceTensor, type HostTensor } from "@tessera/kernels";
import { add, concat, upsample, silu } from "@tessera/kernels/ops";
import {
  componentGraph,
  conv,
  diffusersNames,
  groupNorm,
  parseUNetConfig,
  parseVaeConfig,
  resnetBlock,
  transformer,
} from "@tessera/models";
import { memorySource, type WeightSource } from "@tessera/safetensors";
import { backends, expectClose, fixture, fixtureJson, maxAbs } from "@tessera/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { maskPyramid, type Mask, type MaskPyramid } from "./mask.ts";
import { sparseMacs } from "./macs.ts";
import { sparsify, type SparsifyOptions } from "./sparsify.ts";

type Inputs = Record<string, HostTensor>;

/** A small linear congruential generator, so that failures repeat. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}
const normals = (count: number, next: () => number) =>
  Float32Array.from({ length: count }, () => next() + next() + next() + next() - 2);

/** Weights for any graph: noise, scaled by the fan-in. */
function noiseWeights(graph: Graph, seed: number): WeightSource {
  const next = random(seed);
  return memorySource(
    Object.fromEntries(
      [...graph.params].map(([name, { shape, elements }]) => {
        const scale = shape.length > 1 ? 1.7 / Math.sqrt(elements / shape[0]) : 1;
        const data = normals(elements, next).map((x) => (shape.length > 1 ? x * scale : 1 + 0.2 * x));
        return [name, { dtype: "F32" as const, shape, data: new Uint8Array(data.buffer) }];
      }),
    ),
  );
}

const filled = (height: number, width: number): Mask => ({
  height,
  width,
  data: new Uint8Array(height * width).fill(1),
});

/** An edit: the mask may grow by what the network sees, `reach` pixels each way. */
function rectangle(height: number, width: number, [top, left, tall, wide]: number[], reach = 0): Mask {
  const data = new Uint8Array(height * width);
  for (let i = Math.max(0, top - reach); i < Math.min(height, top + tall + reach); i++)
    data.fill(1, i * width + Math.max(0, left - reach), i * width + Math.min(width, left + wide + reach));
  return { height, width, data };
}

describe.each(await backends())("laws on $name", ({ open, name: on }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  /** Records an original, then computes edits: as a whole with the original's statistics, and by blocks. */
  async function session(graph: Graph, weights: WeightSource, options: SparsifyOptions, original: Inputs) {
    const sparse = sparsify(graph, options);
    const whole = sparsify(graph, { ...options, resolution: Infinity });
    const read = async ({ out }: Record<string, DeviceTensor>) => out.read();
    const programs = await Promise.all(
      [sparse.full, sparse.sparse, whole.full, whole.sparse].map((g) => compile(g, backend, { weights })),
    );
    const [full, blocks, wholeFull, wholeEdit] = programs;
    const recorded = await full.run(original);
    const wholeRecorded = await wholeFull.run(original);
    const only = (g: Graph, given: Inputs) =>
      Object.fromEntries(Object.entries(given).filter(([name]) => g.inputs.has(name)));
    const kept = (from: Record<string, DeviceTensor>, names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, from[name]]));
    return {
      sparse,
      original: await read(recorded),
      edit: async (given: Inputs, pyramid?: MaskPyramid) =>
        read(
          await blocks.run({
            ...only(sparse.sparse, given),
            ...sparse.blocks(pyramid),
            ...kept(recorded, sparse.states),
          }),
        ),
      dense: async (given: Inputs) =>
        read(await wholeEdit.run({ ...only(whole.sparse, given), ...kept(wholeRecorded, whole.states) })),
      dispose: () => programs.forEach((program) => program.dispose()),
    };
  }

  /** conv, residual block, stride 2, a block there, back up, joined to the skip. Sees 9 pixels each way. */
  function smallNet(height: number, width: number, channels: number): Graph {
    const graph = new Graph();
    const p = graph.scope();
    const x = graph.input("x", [1, 3, height, width]);
    let h = conv(p.at("in"), x, channels, 3);
    const skip = h;
    h = resnetBlock(p.at("one"), h, channels, { groups: 2, eps: 1e-5 });
    h = conv(p.at("down"), h, 2 * channels, 3, { stride: 2, pad: [0, 0, 1, 1] });
    h = conv(p.at("low"), silu(groupNorm(p.at("norm"), h, 2, 1e-5)), 2 * channels, 3);
    h = conv(p.at("up"), upsample({ x: h }, { height, width }), channels, 3);
    h = concat({ a: h, b: skip });
    h = add(conv(p.at("short"), h, channels, 1), conv(p.at("last"), silu(h), channels, 3));
    graph.output("out", h);
    return graph;
  }

  test("random shapes and edits equal a dense run with frozen statistics", { timeout: 300_000 }, async () => {
    const cases = fc.record({
      rows: fc.integer({ min: 6, max: 14 }),
      columns: fc.integer({ min: 6, max: 14 }),
      channels: fc.constantFrom(2, 4, 6),
      seed: fc.integer(),
      place: fc.tuple(fc.double({ min: 0, max: 0.99, noNaN: true }), fc.double({ min: 0, max: 0.99, noNaN: true })),
      extent: fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })),
      block: fc.constantFrom({ window: 6, point: 4 }, { window: 10, point: 8 }, { window: 4, point: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ rows, columns, channels, seed, place, extent, block }) => {
        const [height, width] = [4 * rows, 4 * columns];
        const graph = smallNet(height, width, channels);
        const next = random(seed);
        const a = normals(3 * height * width, next);
        const box = [Math.floor(place[0] * height), Math.floor(place[1] * width), ...extent];
        const edit = rectangle(height, width, box).data;
        const b = a.map((value, i) => (edit[i % edit.length] ? value + 1 : value));
        const run = await session(graph, noiseWeights(graph, seed), { edited: ["x"], resolution: 1, block }, { x: a });
        const pyramid = maskPyramid(rectangle(height, width, box, 9), { minimum: 2, dilation: 2, threshold: 0 });
        const [sparse, dense] = [await run.edit({ x: b }, pyramid), await run.dense({ x: b })];
        expectClose(sparse, dense, 1e-5 * maxAbs(dense));
        expectClose(await run.edit({ x: b }), run.original, 0, "nothing edited");
        run.dispose();
      }),
      { numRuns: { wasm: 20, reference: 4, webgpu: 3 }[on], seed: 1 },
    );
    expect(backend.liveBytes).toBe(0);
  });

  const unetConfig = parseUNetConfig(fixtureJson("tiny-sd/unet/config.json"));
  const vaeConfig = parseVaeConfig(fixtureJson("tiny-sd/vae/config.json"));
  const unetWeights = diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.safetensors"));
  const vaeWeights = diffusersNames(fixture("tiny-sd/vae/diffusion_pytorch_model.safetensors"));

  const networks = () => [
    { name: "UNet", edited: "sample", graph: componentGraph({ component: "unet", config: unetConfig }, { height: 16, width: 24 }), weights: unetWeights, resolution: 4 },
    { name: "VAE decoder", edited: "latents", graph: componentGraph({ component: "vae_decoder", config: vaeConfig }, { height: 8, width: 12 }), weights: vaeWeights, resolution: 8 },
    { name: "VAE encoder", edited: "sample", graph: componentGraph({ component: "vae_encoder", config: vaeConfig }, { height: 64, width: 48 }), weights: vaeWeights, resolution: 8 },
    { name: "transformer", edited: "sample", graph: attending(), weights: noiseWeights(attending(), 3), resolution: 1 },
  ]; // prettier-ignore
  function attending(): Graph {
    const graph = new Graph();
    const x = graph.input("sample", [1, 8, 12, 20]);
    const context = graph.input("context", [1, 5, 6]);
    const h = conv(graph.scope("before"), x, 8, 3);
    graph.output("out", transformer(graph.scope(), h, context, { heads: 2, groups: 4, linearProjection: true }));
    return graph;
  }

  // WebGPU on a processor compiles shaders for minutes: the smallest must do there.
  const tested = networks().map(({ name }, i) => [name, i] as const);
  test.each(on === "webgpu" ? tested.slice(-1) : tested)("%s", { timeout: 300_000 }, async (_name, i) => {
    const { edited, graph, weights, resolution } = networks()[i];
    if (!graph.outputs.has("out")) graph.output("out", [...graph.outputs.values()][0]);
    const next = random(5);
    const inputs = Object.fromEntries([...graph.inputs].map(([name, t]) => [name, normals(t.elements, next)]));
    if (inputs.timestep) inputs.timestep.fill(501);
    const run = await session(graph, weights, { edited: [edited], resolution }, inputs);
    const [, , height, width] = graph.inputs.get(edited)!.shape;
    const scale = maxAbs(run.original);
    // Larger pictures than the input's, as in a decoder, have masks too.
    const pyramid = (mask: (height: number, width: number) => Mask) => {
      const largest = Math.max(1, ...run.sparse.sets.map((set) => set.height / height));
      return maskPyramid(mask(largest * height, largest * width), { minimum: 1 });
    };

    // An empty mask gives the original, whatever was edited.
    const other = { ...inputs, [edited]: inputs[edited].map((x: number) => x + 0.3) };
    expectClose(await run.edit(other), run.original, 0, "nothing edited");
    // A full mask gives the dense result: the original's own, and an edit's with the original's statistics.
    const full = pyramid(filled);
    expectClose(await run.edit(inputs, full), run.original, 1e-5 * scale, "the same picture");
    const dense = await run.dense(other);
    expectClose(await run.edit(other, full), dense, 1e-5 * maxAbs(dense), "another picture");

    const cost = (mask: (h: number, w: number) => Mask) =>
      sparseMacs(run.sparse.sparse, run.sparse.blocks(pyramid(mask)));
    const quarter = cost((h, w) => rectangle(h, w, [0, 0, h / 2, w / 2]));
    const corner = cost((h, w) => rectangle(h, w, [0, 0, 2, 2]));
    expect(corner).toBeLessThan(quarter);
    expect(quarter).toBeLessThan(countMacs(graph).total);
    run.dispose();
    expect(backend.liveBytes).toBe(0);
  });
});

test("with the edit's own statistics, all blocks make the network", async () => {
  const backend = await (await backends()).find(({ name }) => name === "wasm")!.open();
  const graph = new Graph();
  const x = graph.input("x", [1, 4, 24, 36]);
  graph.output("out", resnetBlock(graph.scope("block"), conv(graph.scope("in"), x, 8, 3), 8, { groups: 2, eps: 1e-5 }));
  const weights = noiseWeights(graph, 4);
  const { full, sparse, states, blocks } = sparsify(graph, { edited: ["x"], statistics: "edited" });
  const [original, edited] = [11, 12].map((seed) => normals(x.elements, random(seed)).map((z) => z * (seed - 10)));
  const [record, edit] = await Promise.all([full, sparse].map((g) => compile(g, backend, { weights })));
  const was = await record.run({ x: original });
  const kept = Object.fromEntries(states.map((state) => [state, was[state]]));
  const before = await was.out.read();
  const run = async (lists: ReturnType<typeof blocks>) => (await edit.run({ x: edited, ...kept, ...lists })).out.read();
  expectClose(await run(blocks()), before, 0, "nothing edited");
  const all = await run(blocks(maskPyramid(filled(24, 36), { minimum: 1 })));
  const dense = await (await record.run({ x: edited })).out.read();
  expectClose(all, dense, 1e-5 * maxAbs(dense), "all edited");
  await backend.dispose();
});

test("blocks beyond the room that was made are refused", () => {
  const graph = new Graph();
  graph.output("out", conv(graph.scope(), graph.input("x", [1, 3, 64, 64]), 4, 3));
  const { sparse, blocks, sets } = sparsify(graph, { edited: ["x"], room: 0.25 });
  const list = [...sparse.inputs].find(([name]) => name.startsWith("at."))!;
  expect(list[1].shape).toEqual([Math.ceil((sets[0].rows * sets[0].columns) / 4), 2]);
  expect(blocks(maskPyramid(rectangle(64, 64, [0, 0, 4, 4])))[list[0]].length).toBeGreaterThan(0);
  expect(() => blocks(maskPyramid(filled(64, 64)))).toThrow("there is room for 73");
});
