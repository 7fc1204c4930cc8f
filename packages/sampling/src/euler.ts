import { type Prediction, prediction, predictionOf } from "./prediction.ts";
import { refuse } from "./refuse.ts";
import { stepsFromStrength } from "./sample.ts";
import type { LinearStep } from "./sampleLinear.ts";
import { linearSampler, type Sampler, type SamplerConfig, type SamplerOptions } from "./sampler.ts";
import { alphaBarsOf } from "./schedule.ts";
import { karrasSigmas, sigmaAt, sigmasOf, timestepOf } from "./sigmas.ts";
import { timesteps } from "./timesteps.ts";

/** What a sampler over noise levels σ is made from. Here x = image + σ·z, and the model is given x/√(σ² + 1). */
export type SigmaOptions = {
  timesteps: readonly number[];
  /** One more than `timesteps`, descending: where each step begins, and where the last one ends. */
  sigmas: ArrayLike<number>;
  prediction?: Prediction;
};

/**
 * Euler's method on dx/dσ = ε (Karras et al. 2022, algorithm 1 without its second-order correction; `sample_euler` of
 * k-diffusion): x ← x + ε·(σ' − σ).
 */
export function euler(options: SigmaOptions): LinearStep[] {
  return sigmaSteps(options, (_sigma, next) => ({ to: next, noise: 0 }));
}

/** Steps along ε from each σ `to` a σ below, and then `noise`. */
export function sigmaSteps(
  { timesteps, sigmas, prediction: predict = prediction.epsilon }: SigmaOptions,
  aim: (sigma: number, next: number) => { to: number; noise: number },
): LinearStep[] {
  return timesteps.map((t, i) => {
    const input = 1 / Math.sqrt(sigmas[i] ** 2 + 1);
    const { eps } = predict(input, sigmas[i] * input);
    const { to, noise } = aim(sigmas[i], sigmas[i + 1]);
    const d = to - sigmas[i];
    return { t, input, x: [1 + d * eps.x * input], out: [d * eps.out], noise };
  });
}

/** Euler as diffusers' `EulerDiscreteScheduler` takes its steps. */
export function eulerFromConfig(config: SamplerConfig, steps: number, options?: SamplerOptions): Sampler {
  return sigmaSampler(euler, config, steps, options);
}

/**
 * A sampler over σ with the timesteps, the σ and the initial noise of diffusers' Euler schedulers. Unlike elsewhere the
 * default `timestep_spacing` is "linspace", and its timesteps are fractional; the last σ is 0.
 *
 * @throws RangeError for what is not known here
 */
export function sigmaSampler(
  table: (options: SigmaOptions) => LinearStep[],
  config: SamplerConfig,
  steps: number,
  { strength = 1 }: SamplerOptions = {},
): Sampler {
  refuse("euler", config, ["use_exponential_sigmas", "use_beta_sigmas", "sigma_min", "sigma_max"]);
  const trained = sigmasOf(alphaBarsOf(config));
  const spacing = config.timestep_spacing ?? "linspace";
  let visited = timesteps(steps, { total: trained.length, spacing, offset: config.steps_offset });
  if (spacing === "linspace" && steps > 1) {
    visited = visited.map((_, i) => Math.fround(((steps - 1 - i) * (trained.length - 1)) / (steps - 1)));
  }
  let sigmas: Float32Array = Float32Array.from(visited, (t) => sigmaAt(trained, t));
  if (config.use_karras_sigmas) {
    sigmas = karrasSigmas(steps, { max: sigmas[0], min: sigmas[steps - 1] });
    visited = Array.from(sigmas, (sigma) => Math.fround(timestepOf(trained, sigma)));
  }
  const initNoiseSigma = spacing === "leading" ? Math.sqrt(sigmas[0] ** 2 + 1) : sigmas[0];
  visited = stepsFromStrength(visited, strength);
  const levels = [...sigmas.subarray(steps - visited.length), 0];
  return linearSampler(
    table({ timesteps: visited, sigmas: levels, prediction: predictionOf(config.prediction_type) }),
    { levels: levels.map((noise) => ({ x: 1, noise })), initNoiseSigma },
  );
}
