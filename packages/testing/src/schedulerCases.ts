import { fixtureJson } from "./fixture.ts";

/** A run of a scheduler of diffusers on `closedForm.model`, in float64; its coefficients are float32, so 1e-7 is its noise. */
export interface SchedulerCase<Config> {
  readonly name: string;
  readonly class: string;
  readonly num_inference_steps: number;
  readonly config: Config;
  readonly set_timesteps_kwargs: { readonly original_inference_steps?: number };
  readonly step_kwargs: { readonly eta?: number; readonly use_clipped_model_output?: boolean };
  readonly timesteps: number[];
  readonly init_noise_sigma: number;
  readonly sigmas?: number[];
  readonly noise?: (number[] | null)[];
  readonly samples: number[][];
}

/** All recorded runs, and what each began with. */
export const schedulerCases = <Config>() =>
  fixtureJson<{ readonly x_T: number[]; readonly cases: SchedulerCase<Config>[] }>("schedulers.json");

/** The model of those runs, and the algebra that samplers need of arrays. */
export const closedForm = {
  model: (x: number[], t: number): number[] =>
    x.map((v) => 0.6 * Math.sin(1.3 * v + 0.004 * t) + 0.35 * v * Math.cos(0.002 * t)),
  combine: (...terms: (readonly [coefficient: number, x: number[]])[]): number[] =>
    terms[0][1].map((_, i) => terms.reduce((sum, [c, x]) => sum + c * x[i], 0)),
  clamp: (x: number[], range: number): number[] => x.map((v) => Math.min(Math.max(v, -range), range)),
};
