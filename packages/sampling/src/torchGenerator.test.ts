import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { logf, sincosf } from "./cephes.ts";
import { mt19937 } from "./mt19937.ts";
import { torchGenerator } from "./torchGenerator.ts";

const fixture = (path: string) => readFileSync(new URL(`../../../fixtures/${path}`, import.meta.url));

/** One F32 tensor of a safetensors file: length, JSON header, data. */
function tensor(path: string, name: string): Float32Array {
  const file = fixture(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const [from, to] = JSON.parse(file.toString("utf8", 8, start))[name].data_offsets;
  return new Float32Array(new Uint8Array(file.subarray(start + from, start + to)).buffer);
}

/** The largest difference in units of the last place, and how many values are not the same bits. */
function ulps(got: Float32Array, expected: Float32Array) {
  const order = (x: Float32Array) => new Int32Array(x.slice().buffer).map((b) => (b < 0 ? -(b & 0x7fffffff) : b));
  const [a, b] = [order(got), order(expected)];
  const differences = [...a].map((v, i) => Math.abs(v - b[i]));
  return { max: Math.max(...differences), different: differences.filter(Boolean).length };
}
const same = { max: 0, different: 0 };

describe("torchGenerator", () => {
  test("4 × 1024 numbers of torch, bit for bit", () => {
    const noise = tensor("townscapes/expected.safetensors", "noise");
    for (let row = 0; row < 4; row++) {
      const expected = noise.subarray(row * 1024, (row + 1) * 1024);
      expect(ulps(torchGenerator(101 + row).randn(1024), expected)).toEqual(same);
    }
  });

  const schedulers = JSON.parse(fixture("schedulers.json").toString());
  test("24 numbers: the tail that is drawn anew, bit for bit", () => {
    expect(ulps(torchGenerator(4242).randn(24), Float32Array.from(schedulers.x_T))).toEqual(same);
  });

  test("ten more of 24, seeds 9000 to 9009, bit for bit", () => {
    const draws = schedulers.cases.find((c: { name: string }) => c.name === "ddim_eta0.5").noise as number[][];
    draws.forEach((draw, i) => expect(ulps(torchGenerator(9000 + i).randn(24), Float32Array.from(draw))).toEqual(same));
    expect(draws.length).toBe(10);
  });

  test("fewer than 16 numbers: the pairwise path, to the four digits torch prints", () => {
    const printed = (seed: number, count: number) => [...torchGenerator(seed).randn(count)].map((v) => +v.toFixed(4));
    expect(printed(0, 6)).toEqual([1.541, -0.2934, -2.1788, 0.5684, -1.0845, -1.3986]);
    expect(printed(42, 6)).toEqual([0.3367, 0.1288, 0.2345, 0.2303, -1.1229, -0.1863]);
  });

  test("the second of a pair waits for the next short call", () => {
    const generator = torchGenerator(7);
    const parts = [generator.randn(3), generator.randn(0), generator.randn(5)].flatMap((part) => [...part]);
    expect(parts).toEqual([...torchGenerator(7).randn(8)]);
  });

  test("seeds count modulo 2^32; others are refused", () => {
    expect(torchGenerator(2 ** 32 + 5).randn(16)).toEqual(torchGenerator(5).randn(16));
    expect(torchGenerator(-1).randn(16)).toEqual(torchGenerator(2 ** 32 - 1).randn(16));
    expect(() => torchGenerator(0.5)).toThrow(/integer/);
  });
});

test("mt19937: the 10000th number of seed 5489 is the C++ standard's", () => {
  const random = mt19937(5489); // [rand.predef]
  for (let i = 0; i < 9999; i++) random();
  expect(random()).toBe(4123659995);
});

test("the polynomials are within 2e-7 of log, sin and cos wherever randn calls them", () => {
  for (let i = 1; i <= 4096; i++) {
    const u = Math.fround(i / 4096);
    expect(Math.abs(logf(u) - Math.log(u))).toBeLessThanOrEqual(1e-7 + 1e-7 * -Math.log(u));
    const angle = Math.fround(2 * Math.PI * u);
    const [sine, cosine] = sincosf(angle);
    expect(Math.abs(sine - Math.sin(angle))).toBeLessThan(2e-7);
    expect(Math.abs(cosine - Math.cos(angle))).toBeLessThan(2e-7);
  }
});
