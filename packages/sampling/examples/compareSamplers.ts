/**
 * How near each sampler comes to the 1000-step solution, by number of steps, without a network: for data that is normal
 * around −2 and +1 (two to one), the noise that a perfect model would predict has a closed form.
 *
 *     node --conditions=source --import tsx packages/sampling/examples/compareSamplers.ts
 *
 * Deterministic samplers all follow one equation from the same noise, so their results are compared number by number.
 * Stochastic ones share a distribution, so theirs are sorted first, and their solution is DDPM's of 1000 steps; what chance
 * alone makes of that is about 0.03.
 * LCM and UFOGen are left out: they are made for distilled networks, and this model is none.
 */
import { alphaBarsOf, clampFloat32, combineFloat32, samplers, torchGenerator } from "@tessera/sampling";
import type { SamplerName } from "@tessera/sampling";

const config = {
  beta_schedule: "scaled_linear",
  beta_start: 0.00085,
  beta_end: 0.012,
  timestep_spacing: "trailing",
  skip_prk_steps: true,
  clip_sample: false,
  set_alpha_to_one: true,
};
const alphaBar = alphaBarsOf(config);
const modes = [
  { weight: 2 / 3, mean: -2 },
  { weight: 1 / 3, mean: 1 },
];
const deviation = 0.3;

/** E[ε | x_t]: the mean of both modes' ε, weighed by how likely x came from each. `t` may be fractional. */
const model = (x: Float32Array, t: number) => {
  const low = Math.floor(t);
  const logBar = (k: number) => Math.log(alphaBar[Math.min(k, alphaBar.length - 1)]);
  const bar = Math.exp(logBar(low) + (t - low) * (logBar(low + 1) - logBar(low)));
  const [signal, noise] = [Math.sqrt(bar), Math.sqrt(1 - bar)];
  const variance = (signal * deviation) ** 2 + noise ** 2;
  return x.map((v) => {
    const parts = modes.map(({ weight, mean }) => {
      const distance = v - signal * mean;
      return { likelihood: weight * Math.exp(-(distance ** 2) / (2 * variance)), eps: (noise * distance) / variance };
    });
    const total = parts.reduce((sum, { likelihood }) => sum + likelihood, 0);
    return parts.reduce((sum, { likelihood, eps }) => sum + likelihood * eps, 0) / total;
  });
};

const noise = torchGenerator(42).randn(4000);

async function run(name: SamplerName, steps: number, { eta = 0, seed = 7 } = {}) {
  const sampler = samplers[name](config, steps, { eta });
  const { x, noise: sigma } = sampler.levels[0];
  const generator = torchGenerator(seed);
  return sampler.run(model, combineFloat32([Math.hypot(x, sigma), noise]), {
    combine: combineFloat32,
    clamp: clampFloat32,
    gaussian: () => generator.randn(noise.length),
  });
}

/** Mean absolute difference; of sorted numbers that is Wasserstein's distance of the two distributions. */
const distance = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0) / a.length;

/** Divisors of 1000: at others the schedulers that step by ⌊1000/steps⌋ (DDIM, DDPM, PNDM) do not step where they look. */
const counts = [5, 10, 20, 50, 100];
const solution = await run("ddim", 1000);
const print = (name: string, cells: readonly (number | string)[]) =>
  console.log(name.padEnd(24), ...cells.map((c) => (typeof c === "number" ? c.toFixed(4) : c).padStart(8)));

print("deterministic", counts.map(String));
const deterministic = ["ddim", "euler", "euler_karras", "pndm", "dpmpp_2m", "dpmpp_2m_karras", "dpmpp_3m"] as const;
for (const name of deterministic) {
  print(name, await Promise.all(counts.map(async (steps) => distance(await run(name, steps), solution))));
}
const sorted = (await run("ddpm", 1000, { seed: 8 })).toSorted();
print("\nstochastic", counts.map(String));
for (const name of ["ddim", "ddpm", "euler_a", "dpmpp_2m_sde", "dpmpp_2m_sde_karras"] as const) {
  const results = counts.map(async (steps) => distance((await run(name, steps, { eta: 1 })).toSorted(), sorted));
  print(name === "ddim" ? "ddim, eta 1" : name, await Promise.all(results));
}
