import { type Prediction, prediction, predictionOf } from "./prediction.ts";
import { refuse } from "./refuse.ts";
import { stepsFromStrength } from "./sample.ts";
import type { LinearStep } from "./sampleLinear.ts";
import { linearSampler, type Sampler, type SamplerConfig, type SamplerOptions } from "./sampler.ts";
import { alphaBarAt, alphaBarsOf, levelsOf } from "./schedule.ts";
import { timesteps } from "./timesteps.ts";

/** Adams and Bashforth's weights of the last one to four outputs (Liu et al. 2022, eq. 12 is the last). */
const adamsBashforth = [[1], [3, -1], [23, -16, 5], [55, -59, 37, -9]].map((row) => {
  const sum = row.reduce((a, b) => a + b);
  return row.map((weight) => weight / sum);
});

/** One call of the model: where it looks, and the move that follows, from the x of call `anchor`, along Σ weight·out[call]. */
type Call = { t: number; anchor: number; from: number; to: number; outs: [call: number, weight: number][] };

/**
 * Pseudo linear multistep (PLMS; Liu et al. 2022, "PNDM", algorithm 2 with eq. 12) with the warm-up of Stable Diffusion:
 * a second call at the second timestep replaces the first step by Heun's, so n timesteps take n + 1 calls.
 */
function plms(timesteps: readonly number[], stride: number): Call[] {
  const [first, second, ...rest] = timesteps;
  const calls: Call[] = [{ t: first, anchor: 0, from: first, to: first - stride, outs: [[0, 1]] }];
  if (second === undefined) return calls;
  calls.push({ t: second, anchor: 0, from: second + stride, to: second, outs: [[0, 1 / 2], [1, 1 / 2]] }); // prettier-ignore
  return [...calls, ...multistep([second, ...rest], stride, { calls: 2, outs: [0] })];
}

/** The warm-up of the paper: three steps of pseudo Runge-Kutta (eq. 13), four calls each; then multistep. */
function prkThenPlms(timesteps: readonly number[], stride: number): Call[] {
  const half = Math.floor(stride / 2);
  const warm = timesteps.slice(0, 3).flatMap((t, block): Call[] => {
    const k = 4 * block;
    const move = (at: number, to: number, outs: [number, number][]): Call => ({ t: at, anchor: k, from: t, to, outs });
    const mean: [number, number][] = [1 / 6, 1 / 3, 1 / 3, 1 / 6].map((weight, i) => [k + i, weight]);
    return [
      move(t, t - half, [[k, 1]]),
      move(t - half, t - half, [[k + 1, 1]]),
      move(t - half, t - 2 * half, [[k + 2, 1]]),
      move(timesteps[block + 1], timesteps[block + 1], mean),
    ];
  });
  return [...warm, ...multistep(timesteps.slice(3), stride, { calls: 12, outs: [0, 4, 8] })];
}

/** Adams-Bashforth steps, after `calls` calls of which `outs` (latest last) were at the beginnings of steps. */
function multistep(timesteps: readonly number[], stride: number, past: { calls: number; outs: number[] }): Call[] {
  return timesteps.map((t, i) => {
    const call = past.calls + i;
    const known = [...past.outs, ...Array.from({ length: i + 1 }, (_, k) => past.calls + k)].slice(-4).toReversed();
    const weights = adamsBashforth[known.length - 1];
    return { t, anchor: call, from: t, to: t - stride, outs: known.map((out, k) => [out, weights[k]]) };
  });
}

/** A sparse row as an array. */
const dense = (entries: [index: number, value: number][]) => {
  const row = Array.from({ length: Math.max(...entries.map(([index]) => index)) + 1 }, () => 0);
  for (const [index, value] of entries) row[index] += value;
  return row;
};

/**
 * PNDM (Liu, Ren, Lin and Zhao 2022): linear multistep on ε, each move made by DDIM's transfer (eq. 9).
 *
 * @throws RangeError for a timestep outside the schedule, or for fewer than 4 timesteps with the Runge-Kutta warm-up
 */
export function pndm(options: {
  /** ᾱ by timestep. */
  alphaBar: ArrayLike<number>;
  /** The timesteps to visit, descending; each step goes from t to t − `stride`. */
  timesteps: readonly number[];
  stride: number;
  prediction?: Prediction;
  /** ᾱ below timestep 0. Default 1. */
  finalAlphaBar?: number;
  /** Warm up as Stable Diffusion does rather than by Runge and Kutta. Default false. */
  skipPrk?: boolean;
}): LinearStep[] {
  const { alphaBar, timesteps, stride, prediction: predict = prediction.epsilon } = options;
  const { finalAlphaBar = 1, skipPrk = false } = options;
  if (timesteps.length === 0) return [];
  if (!skipPrk && timesteps.length < 4) {
    throw new RangeError(
      `pndm: the Runge-Kutta warm-up needs 4 steps or more, got ${timesteps.length}. Set skip_prk_steps to true.`,
    );
  }
  const level = (t: number) => {
    const bar = t < 0 ? finalAlphaBar : alphaBarAt(alphaBar, t, "pndm");
    return { a: Math.sqrt(bar), s: Math.sqrt(1 - bar) };
  };
  return (skipPrk ? plms : prkThenPlms)(timesteps, stride).map(({ t, anchor, from, to, outs }, call) => {
    const [now, next] = [level(from), level(to)];
    const { eps } = predict(now.a, now.s);
    const toEps = next.s - (next.a * now.s) / now.a;
    return {
      t,
      input: 1,
      x: dense([[call - anchor, next.a / now.a + toEps * eps.x]]),
      out: dense(outs.map(([out, weight]) => [call - out, toEps * eps.out * weight])),
      noise: 0,
    };
  });
}

/** PNDM as diffusers' `PNDMScheduler` takes its steps; the default of `set_alpha_to_one` is false here, as there. */
export function pndmFromConfig(config: SamplerConfig, steps: number, { strength = 1 }: SamplerOptions = {}): Sampler {
  refuse("pndm", config, ["thresholding"]);
  const alphaBar = alphaBarsOf(config);
  const total = alphaBar.length;
  const stride = Math.floor(total / steps);
  const finalAlphaBar = config.set_alpha_to_one ? 1 : alphaBar[0];
  const visited = timesteps(steps, { total, spacing: config.timestep_spacing, offset: config.steps_offset });
  const table = pndm({
    alphaBar,
    timesteps: stepsFromStrength(visited, strength),
    stride,
    prediction: predictionOf(config.prediction_type),
    finalAlphaBar,
    skipPrk: config.skip_prk_steps,
  });
  const called = table.map(({ t }) => t);
  return linearSampler(table, { levels: levelsOf(alphaBar, called, { stride, finalAlphaBar }) });
}
