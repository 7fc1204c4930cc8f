import { type ClippedStep, type Model, sampleClipped, walk } from "./sample.ts";
import { linearAdvance, type LinearOptions, type LinearStep } from "./sampleLinear.ts";
import type { SchedulerConfig } from "./schedule.ts";

/** How noisy x is: x = x·image + noise·z with z standard normal. Its σ, as Karras et al. 2022 count, is noise / x. */
export type Level = { x: number; noise: number };

/** A sampler ready to run, whichever it is: its table, where it begins, and its loop. */
export type Sampler = {
  /** One row per call of the model, in order. `t` may be fractional, and may repeat. */
  steps: readonly (LinearStep | ClippedStep)[];
  /** The noise level before each step, and after the last: one more than `steps`. Image-to-image begins at the first. */
  levels: readonly Level[];
  /** Text-to-image begins with this times standard normal noise. */
  initNoiseSigma: number;
  /** From x to the image. Each run has a memory of its own. */
  run<T>(model: Model<T>, x: T, options: RunOptions<T>): Promise<T>;
};

/** What a run needs besides the model and x. */
export type RunOptions<T> = LinearOptions<T> & {
  /** Limits every element to ±range; needed by samplers that clip x₀ (`clip_sample`). */
  clamp?: (x: T, range: number) => T | Promise<T>;
  /** Replaces x after step `index`: inpainting puts what is known there, at noise level `levels[index + 1]`. */
  constrain?: (x: T, index: number) => T | Promise<T>;
};

/** How a sampler is to be made. */
export type SamplerOptions = {
  /** Image-to-image: skips the noisiest steps, so that ⌊steps · strength⌋ remain (LCM: spreads its steps lower). Default 1. */
  strength?: number;
  /** DDIM only: 0 (default) is deterministic, 1 adds as much noise as DDPM. */
  eta?: number;
  /** DDIM with `clip_sample` only: derive ε anew from the clipped x₀. Default false. */
  useClippedModelOutput?: boolean;
};

/** `SchedulerConfig` with the fields that only some samplers read, under diffusers' names. */
export type SamplerConfig = SchedulerConfig & {
  /** The diffusers class, "PNDMScheduler" for instance; `samplerFromConfig` goes by it. */
  _class_name?: string;
  /** DDPM. Default "fixed_small". Known: fixed_small | fixed_small_log | fixed_large. */
  variance_type?: string | null;
  /** PNDM: begin with multistep rather than Runge-Kutta steps. Default false; Stable Diffusion uses true. */
  skip_prk_steps?: boolean;
  /** Euler and DPM-Solver: space σ as Karras et al. 2022 do. Default false. */
  use_karras_sigmas?: boolean | null;
  /** DPM-Solver: 1, 2 (default) or 3. */
  solver_order?: number;
  /** DPM-Solver. Default "dpmsolver++". Known: dpmsolver++ | dpmsolver | sde-dpmsolver++ | sde-dpmsolver. */
  algorithm_type?: string;
  /** DPM-Solver of order 2. Default "midpoint". Known: midpoint | heun. */
  solver_type?: string;
  /** DPM-Solver: below 15 steps, end with lower orders. Default true. */
  lower_order_final?: boolean;
  /** DPM-Solver: end with a first-order step. Default false. */
  euler_at_final?: boolean;
  /** DPM-Solver: σ after the last step. Default "zero"; diffusers up to 0.25 did "sigma_min". */
  final_sigmas_type?: string;
  /** LCM: the number of steps it was distilled on. Default 50. */
  original_inference_steps?: number;
  /** LCM: what timesteps are multiplied by in the boundary condition. Default 10. */
  timestep_scaling?: number;
};

/** Makes a sampler from a scheduler config, for `steps` steps, as the class's `from_config` in diffusers reads it. */
export type MakeSampler = (config: SamplerConfig, steps: number, options?: SamplerOptions) => Sampler;

/** A table of `LinearStep` as a `Sampler`. */
export function linearSampler(
  steps: readonly LinearStep[],
  { levels, initNoiseSigma = 1 }: { levels: readonly Level[]; initNoiseSigma?: number },
): Sampler {
  return {
    steps,
    levels,
    initNoiseSigma,
    run: (model, x, options) => constrained(x, steps, linearAdvance(model, steps, options), options),
  };
}

/** A table of `ClippedStep` as a `Sampler`. */
export function clippedSampler(
  steps: readonly ClippedStep[],
  { levels, initNoiseSigma = 1 }: { levels: readonly Level[]; initNoiseSigma?: number },
): Sampler {
  return {
    steps,
    levels,
    initNoiseSigma,
    run(model, x, { combine, gaussian, clamp, ...watch }) {
      if (!clamp) {
        throw new TypeError("Sampler.run: this sampler clips x₀ (clip_sample). Give clamp, clampFloat32 for arrays.");
      }
      const advance = (current: typeof x, step: ClippedStep) =>
        sampleClipped(model, current, [step], { combine, gaussian, clamp });
      return constrained(x, steps, advance, watch);
    },
  };
}

/** `walk`, each step followed by `constrain`. */
function constrained<T, S extends { t: number }>(
  x: T,
  steps: readonly S[],
  advance: (x: T, step: S) => T | Promise<T>,
  { onStep, signal, constrain }: Pick<RunOptions<T>, "onStep" | "signal" | "constrain">,
): Promise<T> {
  let index = 0;
  const both = async (current: T, step: S) => {
    const next = await advance(current, step);
    return constrain ? constrain(next, index++) : next;
  };
  return walk(x, steps, both, { onStep, signal });
}

/** `clamp` for arrays in memory. */
export function clampFloat32(x: Float32Array, range: number): Float32Array {
  return x.map((v) => Math.min(Math.max(v, -range), range));
}
