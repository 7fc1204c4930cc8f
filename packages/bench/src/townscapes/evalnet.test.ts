import type { Backend } from "@tessera/kernels";
import { wasm } from "@tessera/kernels/wasm";
import { backends, expectClose, fixture, fixtureJson, maxAbs } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FeatureStatistics } from "../metrics/FeatureStatistics.ts";
import { frechetDistance } from "../metrics/frechetDistance.ts";
import { evalnetSizes, openEvalnet, pixelsOf } from "./evalnet.ts";
import { readCaption } from "./readCaption.ts";
import { judgements, Tally, type Said } from "./Tally.ts";
import { townscape } from "./townscape.ts";

const weights = fixture("townscapes/evalnet.safetensors");
const pictures = fixture("townscapes/expected.safetensors");
const expected = fixture("townscapes/evalnet_expected.safetensors");
const quality = fixtureJson<Record<"clf_real", Record<string, number>>>("townscapes/quality.json");
const { prompts } = fixtureJson<{ prompts: string[] }>("townscapes/expected.json");
const { logits: width, features: size } = evalnetSizes;

describe.each(await backends())("evaluation network on $name", ({ open, tolerance }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test("finds in the expected pictures what their prompts ask for", async () => {
    const network = await openEvalnet(backend, weights, 4);
    const out = await network.run({ image: await pictures.numbers("image") });
    for (const name of ["features", "logits"] as const) {
      const reference = await expected.numbers(name);
      expectClose(out[name], reference, tolerance * maxAbs(reference), name);
    }
    const tally = new Tally();
    prompts.forEach((prompt, i) => tally.add(out.logits.subarray(i * width, (i + 1) * width), readCaption(prompt)));
    const { trees, ...rest } = tally.accuracies();
    for (const [name, share] of Object.entries(rest)) expect(share, name).toBe(1);
    expect(trees).toBe(0); // the one prompt that names trees shows two, of which it sees three
    network.dispose();
  });
});

/** All held-out scenes, once: what the network says of each. */
async function heldOut(count: number) {
  const backend = await wasm({ threads: 2 });
  const network = await openEvalnet(backend, weights);
  const scenes = Array.from({ length: count }, (_, i) => townscape(1_000_000 + i));
  const image = new Float32Array(count * 3 * 64 * 64);
  scenes.forEach((scene, i) => image.set(pixelsOf(scene), i * 3 * 64 * 64));
  const { logits, features } = await network.run({ image });
  await backend.dispose();
  return { scenes, logits, features };
}

describe("the 2000 held-out scenes", () => {
  let all: Awaited<ReturnType<typeof heldOut>>;
  beforeAll(async () => void (all = await heldOut(2000)), 180_000);
  const tallied = (from: number, to: number, said = (i: number): Said => all.scenes[i].attributes) => {
    const tally = new Tally();
    for (let i = from; i < to; i++) tally.add(all.logits.subarray(i * width, (i + 1) * width), said(i));
    return tally;
  };

  test("are judged as recorded with PyTorch, in all ten figures", () => {
    const accuracies = tallied(0, 2000).accuracies();
    const rounded = Object.fromEntries(judgements.map((name) => [name, Number(accuracies[name].toFixed(4))]));
    expect(rounded).toEqual(quality.clf_real);
  });

  test("are judged the same in shards", () => {
    const shards = [tallied(0, 700), tallied(700, 1100), tallied(1100, 2000)];
    const stored = shards.map((tally) => new Tally(JSON.parse(JSON.stringify(tally))));
    expect(stored[2].merge(stored[0]).merge(stored[1])).toEqual(tallied(0, 2000));
  });

  test("have the Fréchet distance 0 from themselves, little from their like, more from the faded", () => {
    const statistics = (features: Float32Array) => new FeatureStatistics(size).add(features);
    const half = all.features.length / 2;
    const [first, second] = [statistics(all.features.subarray(0, half)), statistics(all.features.subarray(half))];
    const faded = statistics(all.features.subarray(0, half).map((x) => 0.8 * x));
    const like = frechetDistance(first, second);
    expect(frechetDistance(first, first)).toBeCloseTo(0, 3); // of traces of some hundreds
    expect(like).toBeGreaterThan(0);
    expect(frechetDistance(faded, second)).toBeGreaterThan(2 * like);
  });

  test("are described by captions that read back as what they are", () => {
    const names = (said: Said) => said.buildings.map(({ kind, wall }) => `${wall} ${kind}`).sort();
    for (const { caption, attributes } of all.scenes) {
      const read = readCaption(caption);
      expect(names(read), caption).toEqual(names(attributes));
      for (const key of ["sky", "ground", "trees"] as const)
        if (read[key] !== undefined) expect(read[key], `${key} of: ${caption}`).toBe(attributes[key]);
    }
    const unsaid = tallied(0, 2000, (i) => readCaption(all.scenes[i].caption)).of;
    expect(unsaid.sky).toBeGreaterThan(1600);
    expect(unsaid.sky).toBeLessThan(2000);
  });
});
