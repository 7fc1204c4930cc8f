import { countMacs, countParameters, Graph, type Backend } from "@tessera/kernels";
import { renamed, type WeightSource } from "@tessera/safetensors";
import { backends, expectClose, fixture, fixtureJson, maxAbs } from "@tessera/testing";
import { wasm } from "@tessera/kernels/wasm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clipCosines, clipGraph, clipPixels, clipS, clipVitLarge14, openClip, parseClipConfig } from "./clip.ts";
import { inceptionGraph, openInception } from "./inception.ts";
import { lpipsFeatures, openLpips } from "./lpips.ts";
import { MissingWeightsError } from "./MissingWeightsError.ts";
import { openBatched } from "./openBatched.ts";

const golden = fixture("metrics/metrics.safetensors");
const expected = fixtureJson<{ lpips: number[]; clip_cosine: number[]; clip_config: unknown }>("metrics/metrics.json");
const under = (prefix: string) =>
  renamed(golden, (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : undefined));

describe.each(await backends())("networks of metrics on $name", ({ open, tolerance }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test("LPIPS, on a small AlexNet", async () => {
    const lpips = await openLpips(backend, under("lpips."), { width: 70, height: 67 });
    expect(lpips.net).toBe("alex");
    const [x0, x1] = [await golden.numbers("lpips.x0"), await golden.numbers("lpips.x1")];
    const distances = await lpips.distances(x0, x1);
    expectClose(distances, expected.lpips, tolerance * maxAbs(expected.lpips), "distances");
    expect([...(await lpips.distances(x0, x0))]).toEqual([0, 0]);
    lpips.dispose();
    expect(backend.liveBytes).toBe(0);
  });

  test("CLIP, small, in batches that the pictures do not fill", async () => {
    const config = parseClipConfig(expected.clip_config);
    const clip = await openClip(backend, under("clip."), config, 2);
    const images = await clip.images(await golden.numbers("clip_in.pixel_values"));
    const texts = await clip.texts(Int32Array.from(await golden.numbers("clip_in.input_ids")));
    const close = async (actual: Float32Array, name: string) => {
      const reference = await golden.numbers(name);
      expectClose(actual, reference, tolerance * maxAbs(reference), name);
    };
    await close(images, "clip_out.image_embeds");
    await close(texts, "clip_out.text_embeds");
    expectClose(clipCosines(images, texts, config.projection_dim), expected.clip_cosine, tolerance, "cosines");
    clip.dispose();
    expect(backend.liveBytes).toBe(0);
  });
});

test("Inception, at 75×75", async () => {
  const backend = await wasm({ threads: 2 });
  const graph = inceptionGraph({ size: 75 });
  const network = await openBatched(graph, backend, { weights: byFormula(graph) });
  const { features } = await network.run({ image: formula("image", 3 * 75 * 75).map((u) => 2 * u) });
  const reference = await golden.numbers("inception.features");
  expectClose(features, reference, 5e-5 * maxAbs(reference), "features");
  network.dispose();
  await backend.dispose();
});

/** The numbers of `fixtures/metrics/make.py`: uniform in ±½, by the tensor's name. */
function formula(name: string, length: number): Float32Array {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) h = Math.imul(h ^ byte, 16777619);
  return Float32Array.from({ length }, (_, i) => uniform(i, h));
}
function uniform(i: number, h: number): number {
  let x = (Math.imul(i + 1, 0x9e3779b1) + h) | 0;
  x = Math.imul(x ^ (x >>> 15), 2246822519);
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32 - 0.5;
}
function byFormula(graph: Graph): WeightSource {
  const info = (name: string) => {
    const shape = graph.params.get(name)?.shape;
    return shape && { name, dtype: "F32" as const, shape, bytes: 4 * shape.reduce((a, b) => a * b) };
  };
  return {
    names: () => graph.params.keys(),
    info,
    async get(name) {
      const { shape, bytes, dtype } = info(name)!;
      const [, ci, kh, kw] = shape;
      const [offset, factor] = name.endsWith("conv.weight")
        ? [0, Math.sqrt(24 / (ci * kh * kw))]
        : { running_mean: [0, 0.1], running_var: [1, 0.5], weight: [1, 0.5], bias: [0, 0.2] }[name.split(".").at(-1)!]!;
      let h = 0x811c9dc5;
      for (const byte of new TextEncoder().encode(name)) h = Math.imul(h ^ byte, 16777619);
      const numbers = Float32Array.from({ length: bytes / 4 }, (_, i) => offset + factor * uniform(i, h));
      return { dtype, shape, data: new Uint8Array(numbers.buffer) };
    },
  };
}

describe("full-size networks have the parameters and the work that are known of them", () => {
  const lpipsGraph = (net: "alex" | "vgg") => {
    const graph = new Graph();
    lpipsFeatures(graph.scope(), graph.input("x", [1, 3, 64, 64]), net).forEach((f, k) => graph.output(String(k), f));
    return graph;
  };
  const scaling = 6; // shift and scale are parameters, too
  test.each([
    ["AlexNet's features", () => lpipsGraph("alex"), 2_469_696 + scaling],
    ["VGG-16's features", () => lpipsGraph("vgg"), 14_714_688 + scaling],
    ["Inception v3 without its classifier, with running statistics", inceptionGraph, 21_785_568 + 34_432],
  ] as const)("%s", (_, build, parameters) => expect(countParameters(build())).toBe(parameters));

  test("Inception v3's 5.7 G multiply-adds", () =>
    expect(countMacs(inceptionGraph()).total / 1e9).toBeCloseTo(5.711, 3));
  test("CLIP ViT-L/14, both halves and the logit scale", () => {
    const halves = (["image", "text"] as const).map((half) => countParameters(clipGraph(half, clipVitLarge14)));
    expect(halves[0]).toBe(303_966_208);
    expect(halves[0] + halves[1] + 1).toBe(427_616_513);
  });
});

test("without weights, a metric says which it needs and what there is without", async () => {
  const backend = await wasm({ threads: 1 });
  const size = { width: 64, height: 64 };
  await expect(openLpips(backend, undefined, size)).rejects.toThrow(MissingWeightsError);
  await expect(openLpips(backend, undefined, size)).rejects.toThrow(/LPIPS needs .* none were given\. Save lpips/);
  await expect(openClip(backend, undefined, clipVitLarge14)).rejects.toThrow("openai/clip-vit-large-patch14");
  await expect(openInception(backend, undefined)).rejects.toThrow("pt_inception-2015-12-05");
  await backend.dispose();
});

test("inputs that are no whole number of items are refused", async () => {
  const backend = await wasm({ threads: 1 });
  const graph = new Graph();
  graph.output("y", graph.input("x", [2, 3]));
  await expect(openBatched(graph, backend, {}).then((b) => b.run({ x: [1, 2] }))).rejects.toThrow("x holds");
  await backend.dispose();
});

test("CLIP's pixels: the middle of the picture, standardised", () => {
  const grey = clipPixels(new Float32Array(3 * 20 * 30), 30, 20, 8); // 0 is mid-grey
  expect(grey.length).toBe(3 * 8 * 8);
  expect(grey[0]).toBeCloseTo((0.5 - 0.48145466) / 0.26862954, 6);
  expect(grey.at(-1)).toBeCloseTo((0.5 - 0.40821073) / 0.27577711, 6);
  const halves = Float32Array.from({ length: 3 * 20 * 30 }, (_, i) => (i % 30 < 15 ? -1 : 1));
  const pixels = clipPixels(halves, 30, 20, 8);
  expect(pixels[0]).toBeCloseTo(-0.48145466 / 0.26862954, 5);
  expect(pixels[7]).toBeCloseTo((1 - 0.48145466) / 0.26862954, 5);
});

test("CLIP-S counts no negative cosine", () => expect([clipS(0.3), clipS(-0.3)]).toEqual([0.75, 0]));
