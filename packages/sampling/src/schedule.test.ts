import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { addNoise, alphaBarsOf, type SchedulerConfig } from "./schedule.ts";

const golden: { alphas_cumprod: Record<string, Record<string, number>> } = JSON.parse(
  readFileSync(new URL("../../../fixtures/schedulers.json", import.meta.url), "utf8"),
);
const configs: Record<string, SchedulerConfig> = {
  scaled_linear_sd15: { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 },
  linear_church: { beta_schedule: "linear", beta_start: 0.0001, beta_end: 0.02 },
  squaredcos_cap_v2: { beta_schedule: "squaredcos_cap_v2" },
};

describe("alphaBarsOf", () => {
  test.each(Object.keys(configs))("%s, as diffusers' alphas_cumprod", (name) => {
    const table = alphaBarsOf(configs[name]);
    expect(table.length).toBe(1000);
    for (const [t, expected] of Object.entries(golden.alphas_cumprod[name])) {
      expect(Math.abs(table[Number(t)] / expected - 1)).toBeLessThan(2e-7);
    }
  });

  test("the defaults are DDPM's, and trained_betas win over them", () => {
    expect(alphaBarsOf({})).toEqual(alphaBarsOf(configs.linear_church));
    expect([...alphaBarsOf({ trained_betas: [0.5, 0.5, 0.75] })]).toEqual([0.5, 0.25, 0.0625]);
  });

  test("rescale_betas_zero_snr keeps the first ᾱ and ends at exactly 0", () => {
    const [plain, rescaled] = [false, true].map((rescale_betas_zero_snr) =>
      alphaBarsOf({ ...configs.scaled_linear_sd15, rescale_betas_zero_snr }),
    );
    expect(rescaled[0]).toBeCloseTo(plain[0], 6);
    expect(rescaled[999]).toBe(0);
  });

  test("names the schedules it knows", () => {
    expect(() => alphaBarsOf({ beta_schedule: "sigmoid" })).toThrow(
      /"sigmoid" is unknown. Known: linear, scaled_linear/,
    );
  });
});

test("addNoise keeps the variance: x² + noise² = 1, at every timestep", () => {
  const alphaBar = alphaBarsOf(configs.scaled_linear_sd15);
  for (const t of [0, 1, 500, 999]) {
    const { x, noise } = addNoise(alphaBar, t);
    expect(x ** 2).toBeCloseTo(alphaBar[t], 12);
    expect(x ** 2 + noise ** 2).toBeCloseTo(1, 12);
  }
  expect(() => addNoise(alphaBar, 0.5)).toThrow(/timestep 0.5 is outside/);
});
