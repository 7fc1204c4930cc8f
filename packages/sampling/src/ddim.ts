import { type Prediction, prediction, predictionOf, type Row } from "./prediction.ts";
import type { ClippedStep, Step } from "./sample.ts";
import { alphaBarAt, alphaBarsOf, type SchedulerConfig } from "./schedule.ts";
import { timesteps } from "./timesteps.ts";

/** What both DDIM tables are made from. */
export type DdimOptions = {
  /** ᾱ by timestep. */
  alphaBar: ArrayLike<number>;
  /** The timesteps to visit, descending. */
  timesteps: readonly number[];
  /** What the network predicts. Default ε. */
  prediction?: Prediction;
  /** 0 (default) is deterministic; 1 adds as much noise as DDPM's posterior. */
  eta?: number;
  /** ᾱ that the last step arrives at. Default 1: the clean image. */
  finalAlphaBar?: number;
  /** Go from t to t − stride, as diffusers does in every spacing. Default: to the next of `timesteps`, as the paper does. */
  stride?: number;
};

/** One DDIM step before it becomes a table row: x₀ and ε from (x, out), and the next x from them. */
type Parts = { t: number; a: number; s: number; x0: Row; eps: Row; toX0: number; toEps: number; noise: number };

function parts(options: DdimOptions): Parts[] {
  const { alphaBar, timesteps, prediction: predict = prediction.epsilon, eta = 0, finalAlphaBar = 1, stride } = options;
  return timesteps.map((t, i) => {
    const now = alphaBarAt(alphaBar, t, "ddim");
    const target = stride ? t - stride : i + 1 < timesteps.length ? timesteps[i + 1] : -1;
    const next = target < 0 ? finalAlphaBar : alphaBarAt(alphaBar, target, "ddim");
    const [a, s] = [Math.sqrt(now), Math.sqrt(1 - now)];
    const { x0, eps } = predict(a, s);
    if (![x0.x, x0.out, eps.x, eps.out].every(Number.isFinite)) {
      throw new RangeError(
        `ddim: at timestep ${t}, ᾱ = ${now} leaves x₀ or ε undefined for what this model predicts. ` +
          `Start from a later timestep, or use a v_prediction model.`,
      );
    }
    const noise = eta * Math.sqrt(((1 - next) / (1 - now)) * (1 - now / next));
    return { t, a, s, x0, eps, toX0: Math.sqrt(next), toEps: Math.sqrt(Math.max(0, 1 - next - noise ** 2)), noise };
  });
}

/**
 * DDIM (Song, Meng and Ermon 2021, eq. 12 and 16): the table of steps that takes noise to an image.
 *
 * @throws RangeError for a timestep outside the schedule, or where ᾱ is so extreme that the prediction says nothing
 */
export function ddim(options: DdimOptions): Step[] {
  return parts(options).map(({ t, x0, eps, toX0, toEps, noise }) => ({
    t,
    x: toX0 * x0.x + toEps * eps.x,
    out: toX0 * x0.out + toEps * eps.out,
    noise,
  }));
}

/**
 * DDIM with the predicted x₀ clamped to ±`range` (diffusers' `clip_sample`), for models of images in [−1, 1].
 * `useClippedModelOutput` derives ε anew from the clamped x₀, as GLIDE does; with eta = 1 that is DDPM's own sampler.
 * Run it with `sampleClipped`.
 *
 * @throws RangeError as `ddim` does
 */
export function clippedDdim(options: DdimOptions & { range?: number; useClippedModelOutput?: boolean }): ClippedStep[] {
  const { range = 1, useClippedModelOutput = false } = options;
  return parts(options).map(({ t, a, s, x0: inner, eps, toX0, toEps, noise }) =>
    useClippedModelOutput
      ? { t, x: toEps / s, out: 0, x0: toX0 - (toEps * a) / s, inner, range, noise }
      : { t, x: toEps * eps.x, out: toEps * eps.out, x0: toX0, inner, range, noise },
  );
}

/** Options from a diffusers config, for `steps` steps. */
function optionsOf(config: SchedulerConfig, steps: number, eta: number): DdimOptions & { range: number } {
  if (config.thresholding) {
    throw new RangeError("ddim: thresholding (a quantile of each image) is not implemented; set it to false.");
  }
  const alphaBar = alphaBarsOf(config);
  const total = alphaBar.length;
  return {
    alphaBar,
    timesteps: timesteps(steps, { total, spacing: config.timestep_spacing, offset: config.steps_offset }),
    prediction: predictionOf(config.prediction_type),
    eta,
    finalAlphaBar: (config.set_alpha_to_one ?? true) ? 1 : alphaBar[0],
    stride: Math.floor(total / steps),
    range: config.clip_sample_range ?? 1,
  };
}

/**
 * The steps that diffusers' `DDIMScheduler.from_config(config)` takes: `scheduler_config.json` in, table out.
 *
 * @param steps how many model evaluations
 * @throws RangeError if the config asks for something unknown, or for `clip_sample` (the default there): that is not
 *   linear, see `clippedDdimFromConfig`
 */
export function ddimFromConfig(config: SchedulerConfig, steps: number, { eta = 0 } = {}): Step[] {
  if (config.clip_sample ?? true) {
    throw new RangeError(
      "ddimFromConfig: the config clips x₀ (clip_sample, true unless it says false). " +
        "Use clippedDdimFromConfig with sampleClipped, or set clip_sample to false.",
    );
  }
  return ddim(optionsOf(config, steps, eta));
}

/** `ddimFromConfig` for a config with `clip_sample`; see `clippedDdim`. */
export function clippedDdimFromConfig(
  config: SchedulerConfig,
  steps: number,
  { eta = 0, useClippedModelOutput = false } = {},
): ClippedStep[] {
  return clippedDdim({ ...optionsOf(config, steps, eta), useClippedModelOutput });
}
