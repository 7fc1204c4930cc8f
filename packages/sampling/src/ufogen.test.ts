import { expect, test } from "vitest";
import { type Combine } from "./sample.ts";
import { alphaBarsOf } from "./schedule.ts";
import { ufogenFromConfig } from "./ufogen.ts";

const combine: Combine<number[]> = (...terms) =>
  terms[0][1].map((_, i) => terms.reduce((sum, [c, x]) => sum + c * x[i], 0));
const config = { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012, prediction_type: "epsilon" };
const alphaBar = alphaBarsOf(config);
const model = (x: number[], t: number) => x.map((v) => Math.sin(v + t / 300));
const x0Of = (x: number[], t: number) =>
  x.map((v, i) => (v - Math.sqrt(1 - alphaBar[t]) * model(x, t)[i]) / Math.sqrt(alphaBar[t]));
const x = [0.3, -1.2, 0.8];

test("one step is G(x_T) at 999 and draws nothing", async () => {
  const sampler = ufogenFromConfig(config, 1);
  expect(sampler.steps.map(({ t }) => t)).toEqual([999]);
  const got = await sampler.run(model, x, { combine });
  got.forEach((v, i) => expect(v).toBeCloseTo(x0Of(x, 999)[i], 9));
});

test("four steps: fresh noise on x̂₀ at each next level, none after the last", async () => {
  const draws = [[0.1, 0.2, -0.3], [1, -1, 0.5], [0.4, 0, -2]]; // prettier-ignore
  const sampler = ufogenFromConfig(config, 4);
  expect(sampler.steps.map(({ t }) => t)).toEqual([999, 749, 499, 249]);
  let expected = x;
  for (const [k, t] of [999, 749, 499].entries()) {
    const next = alphaBar[[749, 499, 249][k]];
    expected = x0Of(expected, t).map((v, i) => Math.sqrt(next) * v + Math.sqrt(1 - next) * draws[k][i]);
  }
  const queue = draws.values();
  const got = await sampler.run(model, x, { combine, gaussian: () => queue.next().value! });
  got.forEach((v, i) => expect(v).toBeCloseTo(x0Of(expected, 249)[i], 9));
  expect(queue.next().done).toBe(true);
  expect(() => ufogenFromConfig(config, 0)).toThrow(/1…999, got 0/);
});
