import { type Prediction, prediction, predictionOf } from "./prediction.ts";
import { refuse } from "./refuse.ts";
import type { Sampler, SamplerConfig, SamplerOptions } from "./sampler.ts";
import { alphaBarAt, alphaBarsOf, levelsOf } from "./schedule.ts";
import { x0Sampler, type X0Step } from "./x0Step.ts";

/** σ_data of the boundary condition. */
const sigmaData = 0.5;

/**
 * Multistep latent consistency sampling (Luo et al. 2023, algorithm 3): the consistency function
 * f(x, t) = c_skip·x + c_out·x̂₀ jumps to the end, fresh noise goes back to the next timestep's level. The last jump is the
 * result. c_skip and c_out are those of Song et al. 2023 (appendix C) with t scaled by `timestepScaling`.
 *
 * @throws RangeError for a timestep outside the schedule
 */
export function lcm(options: {
  /** ᾱ by timestep. */
  alphaBar: ArrayLike<number>;
  /** The timesteps to visit, descending. */
  timesteps: readonly number[];
  prediction?: Prediction;
  timestepScaling?: number;
}): X0Step[] {
  const { alphaBar, timesteps, prediction: predict = prediction.epsilon, timestepScaling = 10 } = options;
  return timesteps.map((t, i) => {
    const now = alphaBarAt(alphaBar, t, "lcm");
    const next = i + 1 < timesteps.length ? alphaBarAt(alphaBar, timesteps[i + 1], "lcm") : 1;
    const scaled = t * timestepScaling;
    const square = scaled ** 2 + sigmaData ** 2;
    return {
      t,
      x: (Math.sqrt(next) * sigmaData ** 2) / square,
      x0: (Math.sqrt(next) * scaled) / Math.sqrt(square),
      inner: predict(Math.sqrt(now), Math.sqrt(1 - now)).x0,
      noise: Math.sqrt(1 - next),
    };
  });
}

/**
 * The timesteps of LCM: `count` of the `original` ones it was distilled on, evenly by index. `strength` below 1 takes them
 * from the cleaner part of those, as diffusers' image-to-image does.
 *
 * @throws RangeError if there are fewer original steps than asked for
 */
export function lcmTimesteps(count: number, { total = 1000, original = 50, strength = 1 } = {}): number[] {
  const available = Math.floor(original * strength);
  if (!(Number.isInteger(count) && count >= 1 && count <= available && original <= total)) {
    throw new RangeError(
      `lcmTimesteps: the number of steps must be a whole number in 1…${available} (of ${original} original steps, ` +
        `strength ${strength}), got ${count}.`,
    );
  }
  const stride = Math.floor(total / original);
  return Array.from({ length: count }, (_, i) => (available - Math.floor(i * (available / count))) * stride - 1);
}

/** LCM as diffusers' `LCMScheduler` takes its steps; an absent noise schedule is Stable Diffusion's, as there. */
export function lcmFromConfig(config: SamplerConfig, steps: number, { strength = 1 }: SamplerOptions = {}): Sampler {
  refuse("lcm", config, ["thresholding"]);
  const alphaBar = alphaBarsOf({ beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012, ...config });
  const {
    original_inference_steps: original,
    timestep_scaling: timestepScaling,
    clip_sample,
    prediction_type,
  } = config;
  const visited = lcmTimesteps(steps, { total: alphaBar.length, original, strength });
  const table = lcm({ alphaBar, timesteps: visited, prediction: predictionOf(prediction_type), timestepScaling });
  const range = clip_sample ? (config.clip_sample_range ?? 1) : undefined;
  return x0Sampler(table, { range, levels: levelsOf(alphaBar, visited) });
}
