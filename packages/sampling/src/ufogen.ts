import { type Prediction, prediction, predictionOf } from "./prediction.ts";
import { refuse } from "./refuse.ts";
import { stepsFromStrength } from "./sample.ts";
import type { Sampler, SamplerConfig, SamplerOptions } from "./sampler.ts";
import { alphaBarAt, alphaBarsOf, levelsOf } from "./schedule.ts";
import { x0Sampler, type X0Step } from "./x0Step.ts";

/**
 * UFOGen (Xu et al. 2024, section 4.1): the generator jumps to x̂₀ = G(x_t, t), and between steps fresh noise makes
 * q(xₛ | x̂₀) of it, the forward marginal, eq. 4 of DDPM, not its posterior. The last jump is the result, so one step
 * draws no noise.
 *
 * @throws RangeError for a timestep outside the schedule
 */
export function ufogen(options: {
  /** ᾱ by timestep. */
  alphaBar: ArrayLike<number>;
  /** The timesteps to visit, descending. */
  timesteps: readonly number[];
  prediction?: Prediction;
}): X0Step[] {
  const { alphaBar, timesteps, prediction: predict = prediction.epsilon } = options;
  return timesteps.map((t, i) => {
    const now = alphaBarAt(alphaBar, t, "ufogen");
    const next = i + 1 < timesteps.length ? alphaBarAt(alphaBar, timesteps[i + 1], "ufogen") : 1;
    const inner = predict(Math.sqrt(now), Math.sqrt(1 - now)).x0;
    return { t, x: 0, x0: Math.sqrt(next), inner, noise: Math.sqrt(1 - next) };
  });
}

/**
 * UFOGen with the timesteps of its authors' `sample_from_model`, ⌊k/K · (T − 1)⌋ for k = K … 1: 999 for one step; 999, 749,
 * 499, 249 for four. Clips x̂₀ only if the config says so.
 *
 * @throws RangeError if `steps` is no whole number in 1…T − 1
 */
export function ufogenFromConfig(config: SamplerConfig, steps: number, { strength = 1 }: SamplerOptions = {}): Sampler {
  refuse("ufogen", config, ["thresholding"]);
  const alphaBar = alphaBarsOf(config);
  const last = alphaBar.length - 1;
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= last)) {
    throw new RangeError(`ufogen: the number of steps must be a whole number in 1…${last}, got ${steps}.`);
  }
  const grid = Array.from({ length: steps }, (_, i) => Math.floor(((steps - i) * last) / steps));
  const visited = stepsFromStrength(grid, strength);
  const table = ufogen({ alphaBar, timesteps: visited, prediction: predictionOf(config.prediction_type) });
  const range = config.clip_sample ? (config.clip_sample_range ?? 1) : undefined;
  return x0Sampler(table, { range, levels: levelsOf(alphaBar, visited) });
}
