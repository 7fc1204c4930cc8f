import { type Prediction, prediction, predictionOf, type Row } from "./prediction.ts";
import { refuse } from "./refuse.ts";
import { stepsFromStrength } from "./sample.ts";
import type { LinearStep } from "./sampleLinear.ts";
import { linearSampler, type Sampler, type SamplerConfig, type SamplerOptions } from "./sampler.ts";
import { alphaBarsOf } from "./schedule.ts";
import { karrasSigmas, sigmasOf, timestepOf } from "./sigmas.ts";
import { timesteps } from "./timesteps.ts";

/** A noise level: x = a·image + s·z with a² + s² = 1, and σ = s/a. */
type Node = { a: number; s: number; sigma: number };

/**
 * The four exact solutions that DPM-Solver expands, from one node to the next with h = λ' − λ, λ = ln(a/s):
 * x ← x·x − scale·(eʸ − 1)·m + noise·z were the prediction m constant. m is x₀ ("++") or ε.
 */
const algorithms = {
  /** Lu et al. 2022b (DPM-Solver++), proposition 4.1. */
  "dpmsolver++": {
    of: "x0",
    from: (at: Node, to: Node, h: number) => ({ x: to.s / at.s, scale: to.a, y: -h, noise: 0 }),
  },
  /** Lu et al. 2022a (DPM-Solver), proposition 3.1. */
  dpmsolver: { of: "eps", from: (at: Node, to: Node, h: number) => ({ x: to.a / at.a, scale: to.s, y: h, noise: 0 }) },
  /** The same of the stochastic equation: Lu et al. 2022b, SDE-DPM-Solver++. */
  "sde-dpmsolver++": {
    of: "x0",
    from: (at: Node, to: Node, h: number) => ({
      x: (to.s / at.s) * Math.exp(-h),
      scale: to.a,
      y: -2 * h,
      noise: to.s * Math.sqrt(-Math.expm1(-2 * h)),
    }),
  },
  /** Lu et al. 2022b, SDE-DPM-Solver. */
  "sde-dpmsolver": {
    of: "eps",
    from: (at: Node, to: Node, h: number) => ({
      x: to.a / at.a,
      scale: 2 * to.s,
      y: h,
      noise: to.s * Math.sqrt(Math.expm1(2 * h)),
    }),
  },
} as const;

/** What `dpmSolver` is made from. */
export type DpmSolverOptions = {
  timesteps: readonly number[];
  /** One more than `timesteps`, descending: where each step begins, and where the last one ends. */
  sigmas: ArrayLike<number>;
  prediction?: Prediction;
  /**
   * The order of each step, at most 3. Default 2. Limited to what is known by then, so that the first step is of order 1;
   * so is one that arrives at σ = 0, or that stands still.
   */
  order?: (index: number) => number;
  /** Default "dpmsolver++". */
  algorithm?: keyof typeof algorithms;
  /** How order 2 takes its derivative. Default "midpoint". */
  solver?: "midpoint" | "heun";
};

/**
 * Multistep DPM-Solver and DPM-Solver++ (Lu et al. 2022a, 2022b: its algorithm 2 is 2M), deterministic or stochastic.
 * The prediction is expanded in λ: order 1 takes it constant (that is DDIM), 2 and 3 add the derivatives D₁ and D₂ as
 * differences of the last predictions.
 */
export function dpmSolver(options: DpmSolverOptions): LinearStep[] {
  const { timesteps, sigmas, prediction: predict = prediction.epsilon, solver = "midpoint" } = options;
  const { order = () => 2, algorithm = "dpmsolver++" } = options;
  const { of, from } = algorithms[algorithm];
  const nodes = Array.from(sigmas, (sigma): Node => {
    const a = 1 / Math.sqrt(sigma ** 2 + 1);
    return { a, s: sigma * a, sigma };
  });
  const rows: Row[] = nodes.map(({ a, s }) => predict(a, s)[of]);
  /** λ gained from node i to the next; Infinity if that is the clean image. */
  const gain = (i: number) => Math.log(nodes[i].sigma / nodes[i + 1].sigma);

  return timesteps.map((t, i) => {
    const h = gain(i);
    const { x, scale, y, noise } = from(nodes[i], nodes[i + 1], h);
    const constant = -scale * Math.expm1(y);
    const phi1 = Math.expm1(y) / y; // φ₁ and φ₂ of the exponential integrators
    const phi2 = (phi1 - 1) / y;
    const weights = [constant, 0, 0]; // of the last predictions
    const add = (c: number, difference: number[]) => difference.forEach((d, k) => (weights[k] += c * d));
    const limit = h > 0 && h < Infinity ? Math.min(order(i), i + 1) : 1;
    if (limit === 2) {
      const u = h / gain(i - 1);
      add(solver === "midpoint" ? constant / 2 : scale * (1 - phi1), [u, -u]);
    } else if (limit >= 3) {
      const [h0, h1] = [gain(i - 1), gain(i - 2)];
      const [u, v, w] = [h / h0, h / h1, h / (h0 + h1)];
      add(scale * (1 - phi1), [u, -u]);
      add(scale * ((1 - phi1) * (h0 / h) + 1 / 2 - phi2), [w * u, -w * (u + v), w * v]);
    }
    const used = weights.slice(0, Math.min(limit, 3));
    return {
      t,
      input: 1,
      x: used.map((weight, k) => weight * rows[i - k].x + (k ? 0 : x)),
      out: used.map((weight, k) => weight * rows[i - k].out),
      noise,
    };
  });
}

/** The value if it is one of those known. */
function known<K extends string>(name: string, value: string, names: readonly K[]): K {
  if (names.includes(value as K)) return value as K;
  throw new RangeError(`dpmSolver: ${name} "${value}" is unknown. Known: ${names.join(", ")}.`);
}

/**
 * DPM-Solver as diffusers' `DPMSolverMultistepScheduler` takes its steps: 2M, 3M (`solver_order`), SDE (`algorithm_type`),
 * Karras (`use_karras_sigmas`). Its defaults are its own: spacing "linspace", DPM-Solver++ of order 2.
 *
 * @throws RangeError for what is not known here, or not possible: an ε-predicting algorithm cannot end at σ = 0, a
 *   stochastic one has no order 3
 */
export function dpmSolverFromConfig(
  config: SamplerConfig,
  steps: number,
  { strength = 1 }: SamplerOptions = {},
): Sampler {
  refuse("dpmSolver", config, ["thresholding", "lambda_min_clipped", "use_lu_lambdas"]);
  refuse("dpmSolver", config, ["use_exponential_sigmas", "use_beta_sigmas"]);
  const { solver_order = 2, lower_order_final = true, euler_at_final = false, timestep_spacing = "linspace" } = config;
  const algorithmNames = Object.keys(algorithms) as (keyof typeof algorithms)[];
  const algorithm = known("algorithm_type", config.algorithm_type ?? "dpmsolver++", algorithmNames);
  const solver = known("solver_type", config.solver_type ?? "midpoint", ["midpoint", "heun"]);
  const final = known("final_sigmas_type", config.final_sigmas_type ?? "zero", ["zero", "sigma_min"]);
  if (final === "zero" && algorithms[algorithm].of === "eps") {
    throw new RangeError(`dpmSolver: ${algorithm} cannot end at σ = 0. Set final_sigmas_type to "sigma_min".`);
  }
  if (![1, 2, 3].includes(solver_order) || (solver_order === 3 && algorithm.startsWith("sde"))) {
    throw new RangeError(
      `dpmSolver: solver_order ${solver_order} is not possible with ${algorithm}. Use 1, 2, or 3 without sde.`,
    );
  }
  const trained = sigmasOf(alphaBarsOf(config));
  const total = trained.length;
  // one more than needed, the last dropped: that one would be the clean end
  let visited =
    timestep_spacing === "trailing"
      ? timesteps(steps, { total, spacing: timestep_spacing })
      : timesteps(steps + 1, { total, spacing: timestep_spacing, offset: config.steps_offset }).slice(0, -1);
  let sigmas: Float32Array = Float32Array.from(visited, (t) => trained[t]);
  if (config.use_karras_sigmas) {
    sigmas = karrasSigmas(steps, { max: trained[total - 1], min: trained[0] });
    visited = Array.from(sigmas, (sigma) => Math.round(timestepOf(trained, sigma)));
  }
  visited = stepsFromStrength(visited, strength);
  const nodes = [...sigmas.subarray(steps - visited.length), final === "zero" ? 0 : trained[0]];
  const few = lower_order_final && steps < 15;
  const order = (i: number) => {
    const left = visited.length - i;
    if (left === 1 && (euler_at_final || few || final === "zero")) return 1;
    return Math.min(solver_order, left === 2 && few ? 2 : 3);
  };
  return linearSampler(
    dpmSolver({
      timesteps: visited,
      sigmas: nodes,
      prediction: predictionOf(config.prediction_type),
      order,
      algorithm,
      solver,
    }),
    { levels: nodes.map((sigma) => ({ x: 1 / Math.sqrt(sigma ** 2 + 1), noise: sigma / Math.sqrt(sigma ** 2 + 1) })) },
  );
}
