import { closedForm, schedulerCases, type SchedulerCase } from "@tessera/testing";
import { describe, expect, test } from "vitest";
import { clippedDdim, clippedDdimFromConfig, ddim, ddimFromConfig } from "./ddim.ts";
import { prediction } from "./prediction.ts";
import { sample, sampleClipped, type Step, walk } from "./sample.ts";
import { alphaBarsOf, type SchedulerConfig } from "./schedule.ts";

const golden = schedulerCases<SchedulerConfig>();
const { model, combine, clamp } = closedForm;

/** max |a − b| over max |b|. */
const distance = (a: number[], b: number[]) =>
  Math.max(...a.map((v, i) => Math.abs(v - b[i]))) / Math.max(...b.map(Math.abs));

async function replay({ config, num_inference_steps, step_kwargs, noise }: SchedulerCase<SchedulerConfig>) {
  const samples: number[][] = [];
  const draws = noise?.values();
  const options = {
    combine,
    clamp,
    gaussian: () => draws!.next().value!,
    onStep: ({ x }: { x: number[] }) => void samples.push(x),
  };
  const { eta, use_clipped_model_output: useClippedModelOutput } = step_kwargs;
  if (config.clip_sample ?? true) {
    const steps = clippedDdimFromConfig(config, num_inference_steps, { eta, useClippedModelOutput });
    await sampleClipped(model, golden.x_T, steps, options);
    return { steps, samples };
  }
  const steps = ddimFromConfig(config, num_inference_steps, { eta });
  await sample(model, golden.x_T, steps, options);
  return { steps, samples };
}

describe("as diffusers' DDIMScheduler, step by step", () => {
  const cases = golden.cases.filter((c) => c.class === "DDIMScheduler");
  test("all 18 cases are here", () => expect(cases.length).toBe(18));
  test.each(cases)("$name", async (golden) => {
    const { steps, samples } = await replay(golden);
    expect(steps.map((s) => s.t)).toEqual(golden.timesteps);
    expect(samples.length).toBe(golden.samples.length);
    expect(Math.max(...samples.map((x, i) => distance(x, golden.samples[i])))).toBeLessThan(1e-6);
  });
});

test("DDPM's posterior is eta 1 with ε from the clamped x₀", async () => {
  const ddpm = golden.cases.find((c) => c.name === "ddpm_fixed_small_clip")!;
  const { samples } = await replay({ ...ddpm, step_kwargs: { eta: 1, use_clipped_model_output: true } });
  expect(Math.max(...samples.map((x, i) => distance(x, ddpm.samples[i])))).toBeLessThan(1e-6);
});

describe("the table", () => {
  const alphaBar = alphaBarsOf({ beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 });
  const timesteps = [901, 601, 301, 1];

  test.each([0, 0.5, 1])("says what the paper's equation 12 says, eta %d", (eta) => {
    const [x, out, z] = [0.7, -0.3, 1.1];
    ddim({ alphaBar, timesteps, eta }).forEach((step: Step, i) => {
      const now = alphaBar[timesteps[i]];
      const next = i < 3 ? alphaBar[timesteps[i + 1]] : 1;
      const sigma = eta * Math.sqrt((1 - next) / (1 - now)) * Math.sqrt(1 - now / next);
      const x0 = (x - Math.sqrt(1 - now) * out) / Math.sqrt(now);
      const expected = Math.sqrt(next) * x0 + Math.sqrt(1 - next - sigma ** 2) * out + sigma * z;
      expect(step.x * x + step.out * out + step.noise * z).toBeCloseTo(expected, 12);
    });
  });

  test.each(["v_prediction", "sample"] as const)("%s is ε in other words", (name) => {
    const [x, eps] = [0.7, -0.3];
    const expected = ddim({ alphaBar, timesteps });
    ddim({ alphaBar, timesteps, prediction: prediction[name] }).forEach((step, i) => {
      const [a, s] = [Math.sqrt(alphaBar[timesteps[i]]), Math.sqrt(1 - alphaBar[timesteps[i]])];
      const x0 = (x - s * eps) / a;
      const out = name === "sample" ? x0 : a * eps - s * x0;
      expect(step.x * x + step.out * out).toBeCloseTo(expected[i].x * x + expected[i].out * eps, 12);
    });
  });

  test("without anything to clamp, the clipped table runs as the plain one", async () => {
    const plain = await sample(model, golden.x_T, ddim({ alphaBar, timesteps }), { combine });
    for (const useClippedModelOutput of [false, true]) {
      const steps = clippedDdim({ alphaBar, timesteps, range: 1e9, useClippedModelOutput });
      expect(distance(await sampleClipped(model, golden.x_T, steps, { combine, clamp }), plain)).toBeLessThan(1e-12);
    }
  });

  test("a second-order sampler fits the same loop: it keeps its history in its step", async () => {
    let last: number[] | undefined;
    const advance = async (x: number[], step: Step) => {
      const out = model(x, step.t);
      const mixed = last ? await combine([1.5, out], [-0.5, last]) : out;
      last = out;
      return combine([step.x, x], [step.out, mixed]);
    };
    const x = await walk(golden.x_T, ddim({ alphaBar, timesteps }), advance);
    expect(distance(x, await sample(model, golden.x_T, ddim({ alphaBar, timesteps }), { combine }))).toBeGreaterThan(
      1e-3,
    );
  });

  test("refuses what it cannot do", () => {
    expect(() => ddim({ alphaBar, timesteps: [1000] })).toThrow(/timestep 1000 is outside the noise schedule 0…999/);
    expect(() => ddim({ alphaBar: [0.9, 0], timesteps: [1] })).toThrow(/at timestep 1, ᾱ = 0/);
    expect(() => ddimFromConfig({}, 10)).toThrow(/clip_sample/);
    expect(() => ddimFromConfig({ thresholding: true, clip_sample: false }, 10)).toThrow(/thresholding/);
    expect(() => ddimFromConfig({ prediction_type: "flow", clip_sample: false }, 10)).toThrow(/epsilon, v_prediction/);
  });
});
