import { fixture, fixtureJson } from "@tessera/testing";
import { encodeSafetensors, memorySource } from "@tessera/safetensors";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfusionMatrix } from "./ConfusionMatrix.ts";
import { FeatureStatistics } from "./FeatureStatistics.ts";
import { frechetDistance, type MeanAndCovariance } from "./frechetDistance.ts";
import { meanSquaredError, psnr } from "./psnr.ts";
import { resample } from "./resample.ts";
import { ssim } from "./ssim.ts";

const golden = fixture("metrics/metrics.safetensors");
const expected = fixtureJson<{
  psnr: number;
  psnr_masked: number;
  ssim: number;
  ssim_planes: number[];
  frechet_12: number;
  frechet_13: number;
  iou: number[];
  miou: number;
  accuracy: number;
}>("metrics/metrics.json");
const bytes = async (name: string) => (await golden.get(name)).data;
const doubles = async (name: string) => new Float64Array(new Uint8Array((await golden.get(name)).data).buffer);
const size = { width: 31, height: 24, range: 255 };

describe("PSNR", () => {
  test("of golden pictures, with a mask and without", async () => {
    const [a, b, mask] = await Promise.all(["a", "b", "mask"].map(bytes));
    expect(psnr(a, b, { range: 255 })).toBeCloseTo(expected.psnr, 10);
    expect(psnr(a, b, { range: 255, mask })).toBeCloseTo(expected.psnr_masked, 10);
  });
  test("of closed forms", () => {
    expect(psnr([0, 0], [0, 0], { range: 1 })).toBe(Infinity);
    expect(psnr([10, 20], [11, 19], { range: 255 })).toBeCloseTo(20 * Math.log10(255), 12);
    expect(psnr([-1, 1], [1, -1], { range: 2 })).toBe(0);
  });
  test("refuses what does not compare", () => {
    expect(() => meanSquaredError([1], [1, 2])).toThrow("got 1 and 2 numbers");
    expect(() => meanSquaredError([1, 2], [1, 2], [0, 0])).toThrow("mask is empty");
    expect(() => meanSquaredError([1, 2, 3], [1, 2, 3], [1, 0])).toThrow("mask of 2 pixels does not fit");
  });
});

describe("SSIM", () => {
  test("of golden pictures", async () => {
    const [a, b] = await Promise.all(["a", "b"].map(bytes));
    expect(ssim(a, b, size)).toBeCloseTo(expected.ssim, 10);
    for (const [k, plane] of expected.ssim_planes.entries()) {
      const part = (x: Uint8Array) => x.subarray(k * 24 * 31, (k + 1) * 24 * 31);
      expect(ssim(part(a), part(b), size)).toBeCloseTo(plane, 10);
    }
  });
  test("of equal pictures is 1, of flat ones follows the luminance term alone", async () => {
    const a = await bytes("a");
    expect(ssim(a, a, size)).toBeCloseTo(1, 12);
    const flat = (value: number) => new Float32Array(11 * 11).fill(value);
    const c1 = 0.01 ** 2;
    const luminance = (2 * 0.25 * 0.75 + c1) / (0.25 ** 2 + 0.75 ** 2 + c1);
    expect(ssim(flat(0.25), flat(0.75), { width: 11, height: 11, range: 1 })).toBeCloseTo(luminance, 10);
  });
  test("is symmetric, and does not change with the unit", async () => {
    const [a, b] = await Promise.all(["a", "b"].map(bytes));
    expect(ssim(b, a, size)).toBeCloseTo(expected.ssim, 10);
    const halved = (x: Uint8Array) => Float32Array.from(x, (v) => v / 2);
    expect(ssim(halved(a), halved(b), { ...size, range: 127.5 })).toBeCloseTo(expected.ssim, 10);
  });
  test("refuses what is too small", () =>
    expect(() => ssim(new Uint8Array(100), new Uint8Array(100), { width: 10, height: 10, range: 255 })).toThrow(
      "11×11 window does not fit a picture of 10×10",
    ));
});

describe("statistics of features", () => {
  test("are those of numpy", async () => {
    const statistics = new FeatureStatistics(12).add(await golden.numbers("features1"));
    const close = (actual: Float64Array, reference: Float64Array) =>
      actual.forEach((x, i) => expect(x).toBeCloseTo(reference[i], 12));
    close(statistics.mean(), await doubles("mean1"));
    close(statistics.covariance(), await doubles("covariance1"));
  });

  const value = fc.float({ min: -1000, max: 1000, noNaN: true }).filter((x) => x === 0 || Math.abs(x) > 1e-6);
  test("of parts, merged in any order, are the whole's to the last bit", () => {
    const rows = fc.array(fc.tuple(value, value, value), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(rows, fc.infiniteStream(fc.nat(3)), (all, shards) => {
        const whole = new FeatureStatistics(3).add(Float32Array.from(all.flat()));
        const parts = Array.from({ length: 4 }, () => new FeatureStatistics(3));
        for (const row of all) parts[shards.next().value!].add(Float32Array.from(row));
        const merged = parts.reduceRight((sum, part) => sum.merge(part), new FeatureStatistics(3));
        expect(merged.count).toBe(whole.count);
        expect(merged.mean()).toEqual(whole.mean());
        expect(merged.covariance()).toEqual(whole.covariance());
      }),
    );
  });
  test("survive a file", async () => {
    const statistics = new FeatureStatistics(12).add(await golden.numbers("features2"));
    const read = await FeatureStatistics.from(memorySource(encodeSafetensors(statistics.tensors())));
    expect(read.count).toBe(90);
    expect(read.covariance()).toEqual(statistics.covariance());
  });
  test("refuse what is no feature", () => {
    expect(() => new FeatureStatistics(2).add(Float32Array.of(1, NaN))).toThrow("feature 1 of picture 0 is NaN");
    expect(() => new FeatureStatistics(2).add(Float32Array.of(1))).toThrow("no multiple of 2");
    expect(() => new FeatureStatistics(2).merge(new FeatureStatistics(3))).toThrow("cannot merge 3 features into 2");
    expect(() => new FeatureStatistics(1).add(Float32Array.of(1)).covariance()).toThrow("at least 2 pictures");
  });
});

describe("Fréchet distance", () => {
  const gaussian = (mean: number[], covariance: number[]): MeanAndCovariance => ({
    size: mean.length,
    mean: () => Float64Array.from(mean),
    covariance: () => Float64Array.from(covariance),
  });
  test("of golden features, also where there are fewer pictures than features", async () => {
    const [f1, f2, f3] = await Promise.all(
      [1, 2, 3].map(async (k) => new FeatureStatistics(12).add(await golden.numbers(`features${k}`))),
    );
    expect(frechetDistance(f1, f2)).toBeCloseTo(expected.frechet_12, 6);
    expect(frechetDistance(f2, f1)).toBeCloseTo(expected.frechet_12, 6);
    expect(frechetDistance(f1, f3)).toBeCloseTo(expected.frechet_13, 4); // scipy's root of a singular matrix is rough
    expect(frechetDistance(f1, f1)).toBeCloseTo(0, 8);
  });
  test("of Gaussians whose distance is known", () => {
    // One dimension: (m₁ − m₂)² + (σ₁ − σ₂)². Commuting covariances: the sum of that over the axes.
    expect(frechetDistance(gaussian([1], [4]), gaussian([3], [9]))).toBeCloseTo(4 + 1, 12);
    expect(frechetDistance(gaussian([0, 0], [1, 0, 0, 4]), gaussian([0, 5], [9, 0, 0, 16]))).toBeCloseTo(
      25 + 4 + 4,
      12,
    );
    // Rotated by 45°: [[5, 3], [3, 5]] has roots of eigenvalues √8, √2; [[2, 0], [0, 2]] has √2, √2.
    expect(frechetDistance(gaussian([0, 0], [5, 3, 3, 5]), gaussian([0, 0], [2, 0, 0, 2]))).toBeCloseTo(2, 10);
    // Not commuting, 2 × 2: tr (√A B √A)^½ = √(tr AB + 2 √(det A det B)).
    const [a, b] = [
      [2, 1, 1, 3],
      [4, -1, -1, 1],
    ];
    const trace = 2 * 4 - 1 - 1 + 3;
    const root = Math.sqrt(trace + 2 * Math.sqrt(5 * 3));
    expect(frechetDistance(gaussian([0, 0], a), gaussian([0, 0], b))).toBeCloseTo(5 + 5 - 2 * root, 10);
  });
  test("refuses different features", () =>
    expect(() => frechetDistance(gaussian([0], [1]), gaussian([0, 0], [1, 0, 0, 1]))).toThrow("1 features"));
});

describe("mIoU", () => {
  test("of golden label maps", async () => {
    const [seen, truth] = await Promise.all(["seen", "truth"].map(bytes));
    const matrix = new ConfusionMatrix(5).add(seen, truth);
    matrix.iou().forEach((x, c) => expect(x).toBeCloseTo(expected.iou[c], 12));
    expect(matrix.meanIou()).toBeCloseTo(expected.miou, 12);
    expect(matrix.accuracy()).toBeCloseTo(expected.accuracy, 12);
  });
  test("leaves out classes that do not occur", () => {
    const matrix = new ConfusionMatrix(4).add([0, 0, 1, 1], [0, 1, 1, 1]);
    expect(matrix.iou()).toEqual([1 / 2, 2 / 3, NaN, NaN]);
    expect(matrix.meanIou()).toBeCloseTo(7 / 12, 12);
  });
  test("of parts, merged, is the whole's", () => {
    const pixels = fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 1 });
    fc.assert(
      fc.property(pixels, fc.nat(), (all, cut) => {
        const matrix = (part: [number, number][]) =>
          new ConfusionMatrix(4).add(
            part.map(([s]) => s),
            part.map(([, t]) => t),
          );
        const at = cut % all.length;
        expect(matrix(all.slice(0, at)).merge(matrix(all.slice(at)))).toEqual(matrix(all));
      }),
    );
  });
  test("refuses labels that are no class", () =>
    expect(() => new ConfusionMatrix(2).add([2], [1])).toThrow("pixel 0 has labels 2 for 1, of 2 classes"));
});

describe("resampling", () => {
  const line = (values: number[], width: number) =>
    resample(Float32Array.from(values), { width: values.length, height: 1 }, { width, height: 1 });
  test("uses the cubic filter's weights", () => {
    // An impulse, twice as large: distances 1.75, 1.25, 0.75, 0.25 … of Keys' kernel with a = −1/2.
    const weights = [-0.0234375, -0.0703125, 0.2265625, 0.8671875];
    const impulse = line([0, 0, 0, 0, 1, 0, 0, 0, 0], 18);
    [...weights, ...weights.toReversed()].forEach((w, i) => expect(impulse[5 + i]).toBeCloseTo(w, 7));
  });
  test("keeps flat pictures, straight slopes, and pictures of the same size", () => {
    expect([...line([3, 3, 3, 3, 3], 2)]).toEqual([3, 3]);
    const slope = line(
      Array.from({ length: 32 }, (_, i) => i),
      16,
    );
    for (let i = 3; i < 13; i++) expect(slope[i]).toBeCloseTo(2 * i + 0.5, 5);
    expect([...line([1, 5, 2, 8], 4)]).toEqual([1, 5, 2, 8]);
  });
});
