import { closedForm, schedulerCases, type SchedulerCase } from "@tessera/testing";
import { describe, expect, test } from "vitest";
import type { Sampler, SamplerConfig, SamplerOptions } from "./sampler.ts";
import { samplerFromConfig, samplers } from "./samplers.ts";
import { torchGenerator } from "./torchGenerator.ts";

const golden = schedulerCases<SamplerConfig>();
const { model, combine, clamp } = closedForm;
const scale = (c: number, x: number[]) => x.map((v) => c * v);

/** max |a − b| over max |b|, and Infinity unless of one length. */
const distance = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length
    ? Math.max(...a.map((v, i) => Math.abs(v - b[i]))) / Math.max(...b.map(Math.abs), 1e-30)
    : Infinity;

function make({
  class: _class_name,
  config,
  set_timesteps_kwargs,
  step_kwargs,
  num_inference_steps,
}: SchedulerCase<SamplerConfig>): Sampler {
  const { eta, use_clipped_model_output: useClippedModelOutput, ...otherStep } = step_kwargs;
  const { original_inference_steps = config.original_inference_steps, ...otherSet } = set_timesteps_kwargs;
  expect({ ...otherStep, ...otherSet }).toEqual({}); // nothing that a case asks for is ignored
  const options = { eta, useClippedModelOutput };
  return samplerFromConfig({ ...config, original_inference_steps, _class_name }, num_inference_steps, options);
}

/** What each fixture case must reproduce; a case ends up in `covered` only once every check of it has passed. */
const covered = new Set<string>();

describe("as diffusers, step by step", () => {
  test.each(golden.cases)("$name", async (expected) => {
    const sampler = make(expected);
    expect(distance(sampler.steps.map(({ t }) => t), expected.timesteps)).toBeLessThan(1e-6); // prettier-ignore
    expect(sampler.initNoiseSigma / expected.init_noise_sigma).toBeCloseTo(1, 6);
    if (expected.sigmas) {
      const sigmas = sampler.levels.map(({ x, noise }) => noise / x);
      expect(sigmas.length).toBe(expected.sigmas.length);
      sigmas.forEach((sigma, i) => expect(Math.abs(sigma - expected.sigmas![i])).toBeLessThanOrEqual(1e-6 * sigma));
    }

    const samples: number[][] = [];
    const drawn: number[] = []; // the steps that drew noise
    const gaussian = () => {
      drawn.push(samples.length);
      const noise = expected.noise?.[samples.length];
      if (!noise) throw new Error(`step ${samples.length} draws noise, diffusers' does not`);
      return noise;
    };
    const onStep = ({ x }: { x: number[] }) => void samples.push(x);
    await sampler.run(model, scale(sampler.initNoiseSigma, golden.x_T), { combine, clamp, gaussian, onStep });
    expect(samples.length).toBe(expected.samples.length);
    samples.forEach((x, i) => expect(distance(x, expected.samples[i])).toBeLessThan(1e-6));

    // diffusers also draws, and throws away, noise for a last step that adds none
    const draws = (expected.noise ?? []).flatMap((noise, i) => (noise ? [i] : []));
    expect(draws.filter((i) => sampler.steps[i].noise !== 0)).toEqual(drawn);
    expect(draws.filter((i) => sampler.steps[i].noise === 0 && i < samples.length - 1)).toEqual([]);
    draws.forEach((i) => expect([...torchGenerator(9000 + i).randn(24)]).toEqual(expected.noise![i]));
    covered.add(expected.name);
  });

  test("none of the 78 cases is missing", () => {
    expect(golden.cases.length).toBe(78);
    expect(golden.cases.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
  });
});

const sd15 = {
  beta_schedule: "scaled_linear",
  beta_start: 0.00085,
  beta_end: 0.012,
  steps_offset: 1,
  set_alpha_to_one: false,
  clip_sample: false,
  skip_prk_steps: true,
};

describe("every sampler by name", () => {
  const names = Object.keys(samplers) as (keyof typeof samplers)[];
  const gaussian = () => Array.from(torchGenerator(5).randn(24));
  const run = (sampler: Sampler, x: number[]) => sampler.run(model, x, { combine, clamp, gaussian });

  test.each(names)("%s: starts where its levels say, ends near the image, and runs twice alike", async (name) => {
    const sampler = samplers[name](sd15, 12);
    expect(sampler.levels.length).toBe(sampler.steps.length + 1);
    const sigmas = sampler.levels.map(({ x, noise }) => noise / x);
    sigmas.slice(1).forEach((sigma, i) => expect(sigma).toBeLessThanOrEqual(sigmas[i]));
    expect(sigmas.at(-1)).toBeLessThan(0.03);
    const x = scale(sampler.initNoiseSigma, golden.x_T);
    const first = await run(sampler, x);
    expect(first.every(Number.isFinite)).toBe(true);
    expect(await run(sampler, x)).toEqual(first); // no memory of the first run
  });

  // a model that knows the image: from any level of it, the image comes back
  const image = golden.x_T.map((v) => Math.tanh(v));
  const deterministic = names.filter((name) => !/ddpm|_a$|sde|lcm|ufogen/.test(name));
  test.each(deterministic)("%s: strength 0.6 brings an image back", async (name) => {
    const options: SamplerOptions = { strength: 0.6 };
    const config = { ...sd15, prediction_type: "sample", set_alpha_to_one: true, steps_offset: 0 };
    const sampler = samplers[name](config, 10, options);
    expect(sampler.steps.length).toBe(name === "pndm" ? 7 : 6);
    const [start] = sampler.levels;
    const x = await combine([start.x, image], [start.noise, golden.x_T]);
    expect(distance(await sampler.run(() => image, x, { combine, clamp }), image)).toBeLessThan(1e-9);
  });

  test("constrain replaces x between the steps, and the memory holds what it gave", async () => {
    const seen: number[][] = [];
    const known = (index: number) => golden.x_T.map((v) => v * index);
    const watching = (x: number[], t: number) => (seen.push(x), model(x, t));
    const constrain = (_x: number[], index: number) => known(index);
    const sampler = samplers.dpmpp_2m(sd15, 4);
    const last = await sampler.run(watching, golden.x_T, { combine, constrain });
    expect(seen.slice(1)).toEqual([0, 1, 2].map(known));
    expect(last).toEqual(known(3));
  });

  test.each(["pndm", "dpmpp_3m", "euler"] as const)(
    "%s on tensors that the next call overwrites, with keep",
    async (name) => {
      // as a program on a device returns them: one buffer for each kind of call, the same one every time
      const buffers: Record<string, number[]> = {};
      const reused = (kind: string, values: number[]) => Object.assign((buffers[kind] ??= []), values);
      const sampler = samplers[name](sd15, 8);
      const x = scale(sampler.initNoiseSigma, golden.x_T);
      const got = await sampler.run((x, t) => reused("model", model(x, t)), x, {
        combine: async (...terms) => reused(`combine ${terms.length}`, await combine(...terms)),
        keep: (tensor) => [...tensor],
      });
      expect(got).toEqual(await sampler.run(model, x, { combine }));
    },
  );

  test("a clipping sampler asks for clamp, an unknown class is refused by name", () => {
    expect(() => samplers.ddpm({}, 10).run(model, golden.x_T, { combine })).toThrow(/Give clamp/);
    expect(() => samplerFromConfig({ _class_name: "HeunDiscreteScheduler" }, 10)).toThrow(/Known: DDIMScheduler, DDPM/);
    expect(() => samplers.euler({ ...sd15, use_beta_sigmas: true } as SamplerConfig, 10)).toThrow(/use_beta_sigmas/);
    expect(() => samplers.pndm({ ...sd15, skip_prk_steps: false }, 3)).toThrow(/needs 4 steps or more, got 3/);
    expect(() => samplers.lcm(sd15, 51)).toThrow(/in 1…50/);
    expect(() => samplers.dpmpp_3m({ ...sd15, algorithm_type: "x" }, 10)).not.toThrow(); // the name decides
  });
});
