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
