import { type Prediction, prediction, predictionOf, type Row } from "./prediction.ts";
import { refuse } from "./refuse.ts";
import { type Combine, type Model, stepsFromStrength } from "./sample.ts";
import type { Sampler, SamplerConfig, SamplerOptions } from "./sampler.ts";
import { alphaBarsOf } from "./schedule.ts";
import { timesteps } from "./timesteps.ts";
import { x0Sampler, type X0Step } from "./x0Step.ts";

/** Time t in 0…1 (clean to noise) → ln(a²/s²), the logarithm of the signal-to-noise ratio. */
export type LogSnr = (t: number) => number;

/**
 * The cosine schedule of progressive distillation, −2 ln tan(at + b): Salimans and Ho 2022, section 2 (α = cos(πt/2)), cut
 * to ±20 as in google-research/diffusion_distillation, `schedules.py`.
 */
export const cosineLogSnr: LogSnr = (t) => {
  const b = Math.atan(Math.exp(-10));
  const a = Math.atan(Math.exp(10)) - b;
  return -2 * Math.log(Math.tan(a * t + b));
};

/** What those networks are given for the time: (2/π)·atan(e^(−logSnr/2)), in 0…1 (`inv_cos`); they embed 1000 times that. */
export function invCos(logSnr: number): number {
  return (2 / Math.PI) * Math.atan(Math.exp(-logSnr / 2));
}

/** a and s in z = a·x₀ + s·ε, a² + s² = 1. */
function level(logSnr: number): { a: number; s: number } {
  return { a: 1 / Math.sqrt(1 + Math.exp(-logSnr)), s: 1 / Math.sqrt(1 + Math.exp(logSnr)) };
}

/**
 * The head "both": the network predicts x₀ and ε side by side, and x̂₀ = s²·x₀ + (1 − s²)·(z − s·ε)/a mixes them
 * (Salimans and Ho 2022, section 4). As coefficients: x̂₀ = x·z + xOut·x₀ + epsOut·ε, with nothing to divide by.
 */
export function bothHead({ a, s }: { a: number; s: number }): { x: number; xOut: number; epsOut: number } {
  return { x: a, xOut: s ** 2, epsOut: -a * s };
}

/** A network with the head "both", as a model of x₀ (`prediction.sample`). */
export function fromBoth<T>(
  network: (z: T, t: number) => [x0: T, eps: T] | Promise<[x0: T, eps: T]>,
  { combine, logSnr = cosineLogSnr }: { combine: Combine<T>; logSnr?: LogSnr },
): Model<T> {
  return async (z, t) => {
    const [x0, eps] = await network(z, t);
    const { x, xOut, epsOut } = bothHead(level(logSnr(t)));
    return combine([x, z], [xOut, x0], [epsOut, eps]);
  };
}

/**
 * The sampler of progressive distillation: DDIM from t = 1 to 0 in `steps` equal steps of continuous time (Salimans and Ho
 * 2022, eq. 8; `ddim_step` of google-research/diffusion_distillation). A student of 8, 4, 2 or 1 steps runs exactly these.
 * ε follows from the clipped x̂₀; the last step returns x̂₀ itself.
 *
 * The model is called with t in 0…1; see `invCos` for what the networks are given. Draws no noise.
 *
 * @param options.prediction what the model predicts, default v; with the head "both", `prediction.sample` and `fromBoth`
 * @param options.clip limit of x̂₀, default 1; Infinity for none
 * @throws RangeError if `steps` is no whole number of at least 1
 */
export function progressiveDistillation(
  steps: number,
  {
    prediction: predict = prediction.v_prediction,
    clip = 1,
    logSnr = cosineLogSnr,
  }: { prediction?: Prediction; clip?: number; logSnr?: LogSnr } = {},
): Sampler {
  checkSteps(steps);
  const times = Array.from({ length: steps }, (_, i) => (steps - i) / steps);
  const points = times.map((t) => ({ t, ...level(logSnr(t)) }));
  return jumps(points, predict, clip === Infinity ? undefined : clip);
}

/**
 * The same steps on a checkpoint's own noise schedule, for students of latent diffusion models (Meng et al. 2023, section 4;
 * SnapFusion): timesteps T − 1, T − 1 − T/N, …, which are t = 1, 1 − 1/N, … Clips x̂₀ only if the config says so.
 *
 * @throws RangeError if `steps` is no whole number in 1…T
 */
export function progressiveDistillationFromConfig(
  config: SamplerConfig,
  steps: number,
  { strength = 1 }: SamplerOptions = {},
): Sampler {
  refuse("progressive_distillation", config, ["thresholding"]);
  const alphaBar = alphaBarsOf(config);
  const visited = stepsFromStrength(timesteps(steps, { total: alphaBar.length, spacing: "trailing" }), strength);
  const points = visited.map((t) => ({ t, a: Math.sqrt(alphaBar[t]), s: Math.sqrt(1 - alphaBar[t]) }));
  const range = config.clip_sample ? (config.clip_sample_range ?? 1) : undefined;
  return jumps(points, predictionOf(config.prediction_type), range);
}

/** DDIM from each point to the next, and from the last to x̂₀. */
function jumps(points: readonly { t: number; a: number; s: number }[], predict: Prediction, range?: number): Sampler {
  const table = points.map(({ t, a, s }, i): X0Step => {
    const next = points[i + 1] ?? { a: 1, s: 0 };
    const ratio = next.s / s;
    return { t, x: ratio, x0: next.a - ratio * a, inner: predict(a, s).x0, noise: 0 };
  });
  const levels = [...points.map(({ a, s }) => ({ x: a, noise: s })), { x: 1, noise: 0 }];
  return x0Sampler(table, { range, levels });
}

/**
 * What the student is to predict for x₀ at z, t = (index + 1)/steps, so that its one step lands where two steps of the
 * teacher do (Salimans and Ho 2022, algorithm 2): x̃ = (z' − (s'/s)·z) / (a' − (s'/s)·a). For the last
 * step (index 0), the teacher's x̂₀ at its second step. No clipping. The teacher is called with t in 0…1.
 *
 * @param options.steps N, the steps of the student; the teacher has 2N
 * @param options.index i in 0…N − 1; draw it uniformly for training
 * @throws RangeError if `steps` is no whole number of at least 1, or `index` is not one below it
 */
export async function distillationTarget<T>(
  teacher: Model<T>,
  z: T,
  options: { index: number; steps: number; combine: Combine<T>; prediction?: Prediction; logSnr?: LogSnr },
): Promise<T> {
  const { index, steps, combine, prediction: predict = prediction.v_prediction, logSnr = cosineLogSnr } = options;
  checkSteps(steps);
  if (!(Number.isInteger(index) && index >= 0 && index < steps)) {
    throw new RangeError(`distillationTarget: index must be a whole number in 0…${steps - 1}, got ${index}.`);
  }
  const [t, middle, end] = [index + 1, index + 1 / 2, index].map((i) => i / steps);
  const [start, between, arrival] = [t, middle, end].map((time) => level(logSnr(time)));
  /** The DDIM step between two levels. */
  const row = (from: { a: number; s: number }, to: { a: number; s: number }): Row => {
    const { x0, eps } = predict(from.a, from.s);
    return { x: to.a * x0.x + to.s * eps.x, out: to.a * x0.out + to.s * eps.out };
  };
  const first = row(start, between);
  const zMiddle = await combine([first.x, z], [first.out, await teacher(z, t)]);
  const out = await teacher(zMiddle, middle);
  if (index === 0) {
    const { x0 } = predict(between.a, between.s);
    return combine([x0.x, zMiddle], [x0.out, out]);
  }
  const second = row(between, arrival);
  const ratio = arrival.s / start.s;
  const scale = 1 / (arrival.a - ratio * start.a);
  return combine([second.x * scale, zMiddle], [second.out * scale, out], [-ratio * scale, z]);
}

function checkSteps(steps: number): void {
  if (!(Number.isInteger(steps) && steps >= 1)) {
    throw new RangeError(`progressiveDistillation: the number of steps must be a whole number above 0, got ${steps}.`);
  }
}
