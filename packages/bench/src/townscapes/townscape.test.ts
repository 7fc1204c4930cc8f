import { createHash } from "node:crypto";
import { fixture, fixtureJson } from "@tessera/testing";
import { describe, expect, test } from "vitest";
import type { Attributes } from "./attributes.ts";
import { labels } from "./Canvas.ts";
import { randomStream } from "./randomStream.ts";
import { townscape } from "./townscape.ts";

const golden = fixtureJson<{
  labels: string[];
  cases: { seed: number; first_draws_stream0: number[]; caption: string; attributes: Attributes }[];
}>("townscapes/generator_golden.json");
const tensors = fixture("townscapes/generator_golden.safetensors");

test("the classes have the specification's order", () => expect(labels).toEqual(golden.labels));

describe.each(golden.cases)("scene $seed, to the bit", ({ seed, first_draws_stream0, caption, attributes }) => {
  const scene = townscape(seed);
  const part = async (name: string, size: number) =>
    (await tensors.get(name)).data.subarray(seed * size, (seed + 1) * size);
  test("random numbers", () => {
    const random = randomStream(seed, 0);
    expect(first_draws_stream0.map(() => random.u())).toEqual(first_draws_stream0);
  });
  test("attributes and caption", () => {
    expect(scene.attributes).toEqual(attributes);
    expect(scene.caption).toBe(caption);
  });
  test("picture", async () => {
    expect(Buffer.compare(scene.image, await part("images", 64 * 64 * 3))).toBe(0);
  });
  test("label map", async () => {
    expect(Buffer.compare(scene.labels, await part("labels", 64 * 64))).toBe(0);
  });
});

test("200 held-out scenes have the reference's pictures, label maps and captions", () => {
  const { first, count, ...digests } = fixtureJson<Record<"images" | "labels" | "captions", string> & Held>(
    "townscapes/generator_heldout.json",
  );
  const [images, labels, captions] = ["images", "labels", "captions"].map(() => createHash("sha256"));
  for (let seed = first; seed < first + count; seed++) {
    const scene = townscape(seed);
    images.update(scene.image);
    labels.update(scene.labels);
    captions.update(`${scene.caption}\n`);
  }
  const hex = { images: images.digest("hex"), labels: labels.digest("hex"), captions: captions.digest("hex") };
  expect(digests).toMatchObject(hex);
});

interface Held {
  readonly first: number;
  readonly count: number;
}
