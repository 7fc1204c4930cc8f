import { type Prediction, prediction, predictionOf } from "./prediction.ts";
import { refuse } from "./refuse.ts";
import { stepsFromStrength } from "./sample.ts";
import type { Sampler, SamplerConfig, SamplerOptions } from "./sampler.ts";
import { alphaBarAt, alphaBarsOf, levelsOf } from "./schedule.ts";
import { timesteps } from "./timesteps.ts";
import { x0Sampler, type X0Step } from "./x0Step.ts";

/** The variance of p(xₛ | x_t), the two choices of Ho et al. 2020, section 3.2; β = 1 − ᾱ_t/ᾱₛ. */
const variances = {
  /** β̃, the posterior's: right for data that is one point. */
  fixed_small: (beta: number, now: number, next: number) => Math.max(((1 - next) / (1 - now)) * beta, 1e-20),
  /** β: right for data that is standard normal. */
  fixed_large: (beta: number) => beta,
};

/**
 * DDPM (Ho, Jain and Abbeel 2020, algorithm 2): from x_t to a draw from the posterior q(xₛ | x_t, x̂₀) of eq. 7, over
 * strides of any length. No noise at t = 0.
 *
 * @throws RangeError for a timestep outside the schedule
 */
export function ddpm(options: {
  /** ᾱ by timestep. */
  alphaBar: ArrayLike<number>;
  /** The timesteps to visit, descending; each step goes from t to t − `stride`. */
  timesteps: readonly number[];
  stride: number;
  prediction?: Prediction;
  variance?: keyof typeof variances;
}): X0Step[] {
  const { alphaBar, stride, prediction: predict = prediction.epsilon, variance = "fixed_small" } = options;
  return options.timesteps.map((t) => {
    const now = alphaBarAt(alphaBar, t, "ddpm");
    const next = t < stride ? 1 : alphaBarAt(alphaBar, t - stride, "ddpm");
    const beta = 1 - now / next;
    return {
      t,
      x: (Math.sqrt(now / next) * (1 - next)) / (1 - now),
      x0: (Math.sqrt(next) * beta) / (1 - now),
      inner: predict(Math.sqrt(now), Math.sqrt(1 - now)).x0,
      noise: t > 0 ? Math.sqrt(variances[variance](beta, now, next)) : 0,
    };
  });
}

/**
 * DDPM as diffusers' `DDPMScheduler` takes its steps.
 *
 * @throws RangeError for what is not known here, learned variances for instance
 */
export function ddpmFromConfig(config: SamplerConfig, steps: number, { strength = 1 }: SamplerOptions = {}): Sampler {
  refuse("ddpm", config, ["thresholding"]);
  const variance = (config.variance_type ?? "fixed_small").replace(/^fixed_small_log$/, "fixed_small");
  if (!Object.hasOwn(variances, variance)) {
    throw new RangeError(
      `ddpm: variance_type "${variance}" is unknown. Known: fixed_small, fixed_small_log, fixed_large.`,
    );
  }
  const alphaBar = alphaBarsOf(config);
  const total = alphaBar.length;
  const stride = Math.floor(total / steps);
  const visited = stepsFromStrength(
    timesteps(steps, { total, spacing: config.timestep_spacing, offset: config.steps_offset }),
    strength,
  );
  const table = ddpm({
    alphaBar,
    timesteps: visited,
    stride,
    prediction: predictionOf(config.prediction_type),
    variance: variance as keyof typeof variances,
  });
  const range = (config.clip_sample ?? true) ? (config.clip_sample_range ?? 1) : undefined;
  return x0Sampler(table, { range, levels: levelsOf(alphaBar, visited, { stride }) });
}
