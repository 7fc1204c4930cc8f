/**
 * DDIM without a network: for data that is normal with mean 3 and standard deviation 0.5, the noise that a perfect model
 * would predict has a closed form. Fifty steps turn 10,000 numbers of pure noise into that distribution.
 *
 *     node --conditions=source --import tsx packages/sampling/examples/ddim.ts
 */
import { alphaBarsOf, combineFloat32, ddimFromConfig, sample, torchGenerator } from "@tessera/sampling";

/** Stable Diffusion's `scheduler_config.json`. */
const config = {
  beta_schedule: "scaled_linear",
  beta_start: 0.00085,
  beta_end: 0.012,
  steps_offset: 1,
  clip_sample: false,
  set_alpha_to_one: false,
};
const [mean, deviation] = [3, 0.5];
const alphaBar = alphaBarsOf(config);

/** E[ε | x_t] for that data. */
const model = (x: Float32Array, t: number) => {
  const signal = Math.sqrt(alphaBar[t]);
  const noise = Math.sqrt(1 - alphaBar[t]);
  return x.map((v) => (noise * (v - signal * mean)) / ((signal * deviation) ** 2 + noise ** 2));
};

const describe = (x: Float32Array) => {
  const average = x.reduce((sum, v) => sum + v, 0) / x.length;
  const spread = Math.sqrt(x.reduce((sum, v) => sum + (v - average) ** 2, 0) / x.length);
  return `mean ${average.toFixed(3)}  deviation ${spread.toFixed(3)}`;
};

const noise = torchGenerator(42).randn(10_000);
console.log(`noise   ${describe(noise)}`);
await sample(model, noise, ddimFromConfig(config, 50), {
  combine: combineFloat32,
  onStep: ({ index, t, x }) => {
    if (index % 10 === 9) console.log(`t ${String(t).padStart(4)}  ${describe(x)}`);
  },
});
