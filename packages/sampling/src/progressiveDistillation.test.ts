import { describe, expect, test } from "vitest";
import { ddim } from "./ddim.ts";
import { prediction } from "./prediction.ts";
import {
  bothHead,
  cosineLogSnr,
  distillationTarget,
  fromBoth,
  invCos,
  progressiveDistillation,
  progressiveDistillationFromConfig,
} from "./progressiveDistillation.ts";
import { type Combine, sample, type Step } from "./sample.ts";
import { alphaBarsOf } from "./schedule.ts";

const combine: Combine<number[]> = (...terms) =>
  terms[0][1].map((_, i) => terms.reduce((sum, [c, x]) => sum + c * x[i], 0));
const clamp = (x: number[], range: number) => x.map((v) => Math.min(Math.max(v, -range), range));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const level = (t: number) => [1, -1].map((sign) => Math.sqrt(sigmoid(sign * cosineLogSnr(t))));
const z1 = [0.4, -1.3, 2.1];
const model = (z: number[], t: number) => z.map((v) => 0.7 * Math.sin(1.1 * v + 2 * t) - 0.2 * v);

test("cosineLogSnr at eighths, and invCos undoes it", () => {
  const expected = [20, 3.2294, 1.7626, 0.8064, 0, -0.8064, -1.7626, -3.2294, -20];
  expected.forEach((logSnr, k) => expect(cosineLogSnr(k / 8)).toBeCloseTo(logSnr, 4));
  // without the cut at ±20 it would be t itself
  for (const t of [0, 0.25, 0.5, 1]) expect(Math.abs(invCos(cosineLogSnr(t)) - t)).toBeLessThan(1e-4);
});

describe("progressiveDistillation", () => {
  test.each([1, 2, 4, 8])("%d steps unclipped are DDIM's on that schedule, the last one x̂₀", async (steps) => {
    const alphaBar = Array.from({ length: steps + 1 }, (_, k) => sigmoid(cosineLogSnr(k / steps)));
    const timesteps = Array.from({ length: steps }, (_, i) => steps - i);
    const table: Step[] = ddim({ alphaBar, timesteps, prediction: prediction.v_prediction });
    const expected = await sample((z, k) => model(z, k / steps), z1, table, { combine });
    const sampler = progressiveDistillation(steps, { clip: Infinity });
    const got = await sampler.run(model, z1, { combine });
    got.forEach((v, i) => expect(v).toBeCloseTo(expected[i], 9));
    expect(sampler.steps.map(({ t }) => t)).toEqual(timesteps.map((k) => k / steps));
    expect(sampler.levels.length).toBe(steps + 1);
  });

  test("clips x̂₀, derives ε from it, and so ends within the range", async () => {
    const steps = 4;
    let z = z1;
    for (let i = steps; i >= 1; i--) {
      const [[a, s], [aNext, sNext]] = [level(i / steps), level((i - 1) / steps)];
      const v = model(z, i / steps);
      const x0 = clamp(z.map((value, k) => a * value - s * v[k]), 0.5); // prettier-ignore
      z = i === 1 ? x0 : z.map((value, k) => aNext * x0[k] + (sNext * (value - a * x0[k])) / s);
    }
    const got = await progressiveDistillation(steps, { clip: 0.5 }).run(model, z1, { combine, clamp });
    got.forEach((value, k) => expect(value).toBeCloseTo(z[k], 9));
    expect(Math.max(...got.map(Math.abs))).toBeLessThanOrEqual(0.5);
    await expect(async () => progressiveDistillation(0)).rejects.toThrow(/whole number above 0, got 0/);
  });

  test("on a checkpoint's schedule: from T − 1 in equal steps, each to the next one's level, the last to x̂₀", async () => {
    const config = { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012, clip_sample: false };
    const alphaBar = alphaBarsOf(config);
    const sampler = progressiveDistillationFromConfig({ ...config, prediction_type: "v_prediction" }, 4);
    expect(sampler.steps.map(({ t }) => t)).toEqual([999, 749, 499, 249]);
    let z = z1;
    for (const [i, t] of [999, 749, 499, 249].entries()) {
      const [a, s] = [Math.sqrt(alphaBar[t]), Math.sqrt(1 - alphaBar[t])];
      const next = i < 3 ? alphaBar[[749, 499, 249][i]] : 1;
      const v = model(z, t);
      z = z.map((value, k) => Math.sqrt(next) * (a * value - s * v[k]) + Math.sqrt(1 - next) * (s * value + a * v[k]));
    }
    const got = await sampler.run(model, z1, { combine });
    got.forEach((value, k) => expect(value).toBeCloseTo(z[k], 9));
    const half = progressiveDistillationFromConfig(config, 4, { strength: 0.5 });
    expect(half.steps.map(({ t }) => t)).toEqual([499, 249]);
    expect(half.levels[0].x ** 2).toBeCloseTo(alphaBar[499], 9);
    expect(() => progressiveDistillationFromConfig(config, 0)).toThrow(/1…1000, got 0/);
  });

  test('"both": wₓ·x₀ + (1 − wₓ)·x₀ from ε, wₓ = s²', async () => {
    const [a, s] = level(0.3);
    const [z, x0, eps] = [0.6, -0.2, 1.4];
    const { x, xOut, epsOut } = bothHead({ a, s });
    const mixed = s ** 2 * x0 + (1 - s ** 2) * ((z - s * eps) / a);
    expect(x * z + xOut * x0 + epsOut * eps).toBeCloseTo(mixed, 12);
    const wrapped = fromBoth<number[]>(() => [[x0], [eps]], { combine });
    expect((await wrapped([z], 0.3))[0]).toBeCloseTo(mixed, 12);
  });
});

describe("distillationTarget", () => {
  test.each([1, 2, 3])("index %d of 4: the student's one step lands where the teacher's two do", async (index) => {
    const teacher = progressiveDistillation(8, { clip: Infinity });
    const two = teacher.steps.slice(8 - 2 * (index + 1), 8 - 2 * index);
    let z = z1;
    for (const [k, { t }] of two.entries()) {
      const [[a, s], [aNext, sNext]] = [level(t), level(t - 1 / 8)];
      expect(t).toBeCloseTo((2 * (index + 1) - k) / 8, 12);
      const v = model(z, t);
      z = z.map((value, j) => aNext * (a * value - s * v[j]) + sNext * (s * value + a * v[j]));
    }
    const target = await distillationTarget(model, z1, { index, steps: 4, combine });
    const [[a, s], [aNext, sNext]] = [level((index + 1) / 4), level(index / 4)];
    target.forEach((x0, j) => expect(aNext * x0 + (sNext * (z1[j] - a * x0)) / s).toBeCloseTo(z[j], 9));
  });

  test("index 0: the teacher's own x̂₀ after its first step; a perfect teacher's is the image", async () => {
    const image = [0.3, -0.8, 0.1];
    const perfect = () => image;
    for (const index of [0, 1]) {
      const options = { index, steps: 2, combine, prediction: prediction.sample };
      const target = await distillationTarget(perfect, z1, options);
      target.forEach((v, i) => expect(v).toBeCloseTo(image[i], 9));
    }
    const last = await distillationTarget(model, z1, { index: 0, steps: 1, combine });
    const twoSteps = await progressiveDistillation(2, { clip: Infinity }).run(model, z1, { combine });
    last.forEach((v, i) => expect(v).toBeCloseTo(twoSteps[i], 9));
    await expect(distillationTarget(model, z1, { index: 4, steps: 4, combine })).rejects.toThrow(/0…3, got 4/);
  });
});
