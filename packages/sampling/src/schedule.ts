/**
 * The fields of diffusers' `scheduler_config.json` that a sampler here reads, under their own names. An absent field takes
 * the default of diffusers' `DDIMScheduler`, whichever class the file was written by: as `DDIMScheduler.from_config` does.
 */
export type SchedulerConfig = {
  /** T, the number of noise levels the model was trained on. Default 1000. */
  num_train_timesteps?: number;
  /** Default 0.0001. */
  beta_start?: number;
  /** Default 0.02. */
  beta_end?: number;
  /** Default "linear". Known: linear | scaled_linear | squaredcos_cap_v2. */
  beta_schedule?: string;
  /** The βs themselves; wins over `beta_schedule`. */
  trained_betas?: number[] | null;
  /** Rescale so that ᾱ ends at exactly 0 (Lin et al. 2024, algorithm 1). Default false. */
  rescale_betas_zero_snr?: boolean;
  /** Default "leading". Known: leading | linspace | trailing. */
  timestep_spacing?: string;
  /** Added to every timestep of the "leading" spacing. Default 0; Stable Diffusion uses 1. */
  steps_offset?: number;
  /** Default "epsilon". Known: epsilon | v_prediction | sample. */
  prediction_type?: string;
  /** ᾱ after the last step: 1 if true, else ᾱ[0]. Default true; Stable Diffusion uses false. */
  set_alpha_to_one?: boolean;
  /** Clamp the predicted x₀ to ±`clip_sample_range`. Default true; Stable Diffusion uses false. */
  clip_sample?: boolean;
  /** Default 1. */
  clip_sample_range?: number;
  /** Dynamic thresholding (Imagen); refused when true. */
  thresholding?: boolean;
};

const f32 = Math.fround;

/** torch.linspace in float32: counted up from the start in the first half, down from the end in the second. */
function linspace(start: number, end: number, count: number): Float32Array {
  const step = f32((f32(end) - f32(start)) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < count / 2 ? f32(start) + step * i : f32(end) - step * (count - 1 - i),
  );
}

const betas = {
  /** Ho et al. 2020: DDPM. */
  linear: (start: number, end: number, count: number) => linspace(start, end, count),
  /** Rombach et al. 2022: Stable Diffusion; linear in √β. */
  scaled_linear: (start: number, end: number, count: number) =>
    linspace(Math.sqrt(start), Math.sqrt(end), count).map((root) => root * root),
  /** Nichol and Dhariwal 2021, eq. 17: ᾱ follows cos²; β is capped at 0.999. */
  squaredcos_cap_v2: (_start: number, _end: number, count: number) => {
    const alphaBar = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
    return Float32Array.from({ length: count }, (_, i) =>
      Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), 0.999),
    );
  },
};

/** ᾱ = ∏(1 − β), each entry rounded to float32 as torch.cumprod rounds it. */
function cumulative(betas: ArrayLike<number>): Float32Array {
  let product = 1;
  return Float32Array.from(betas, (beta) => (product *= f32(1 - beta)));
}

/** Lin et al. 2024 ("Common diffusion noise schedules and sample steps are flawed"), algorithm 1, in float32. */
function zeroTerminalSnr(betas: Float32Array): Float32Array {
  const roots = cumulative(betas).map(Math.sqrt);
  const [first, last] = [roots[0], roots[roots.length - 1]];
  const scale = f32(first / f32(first - last));
  const bars = roots.map((root) => f32(f32(root - last) * scale) ** 2);
  return bars.map((bar, i) => 1 - f32(i ? bar / bars[i - 1] : bar));
}

/**
 * ᾱ by timestep, [num_train_timesteps]: how much of the image's variance is left at each noise level.
 *
 * Rounded where torch rounds, so the table equals a checkpoint's `alphas_cumprod` to the last float32 digit or two.
 *
 * @throws RangeError if the config names a schedule that is not known here
 */
export function alphaBarsOf(config: SchedulerConfig): Float32Array {
  const { num_train_timesteps: count = 1000, beta_start = 1e-4, beta_end = 0.02, beta_schedule = "linear" } = config;
  if (!config.trained_betas && !Object.hasOwn(betas, beta_schedule)) {
    const known = Object.keys(betas).join(", ");
    throw new RangeError(
      `alphaBarsOf: beta_schedule "${beta_schedule}" is unknown. Known: ${known}; or give trained_betas.`,
    );
  }
  const table = config.trained_betas
    ? Float32Array.from(config.trained_betas)
    : betas[beta_schedule as keyof typeof betas](beta_start, beta_end, count);
  return cumulative(config.rescale_betas_zero_snr ? zeroTerminalSnr(table) : table);
}

/**
 * The forward process, x_t = x·x₀ + noise·z with z standard normal: the two coefficients at timestep `t`
 * (Ho et al. 2020, eq. 4). Image-to-image starts from this instead of pure noise.
 *
 * @throws RangeError if `t` is not an index of `alphaBar`
 */
export function addNoise(alphaBar: ArrayLike<number>, t: number): { x: number; noise: number } {
  const bar = alphaBarAt(alphaBar, t, "addNoise");
  return { x: Math.sqrt(bar), noise: Math.sqrt(1 - bar) };
}

/** alphaBar[t], refusing what is not there: an undefined would travel as NaN to the last pixel. */
export function alphaBarAt(alphaBar: ArrayLike<number>, t: number, who: string): number {
  if (t in alphaBar) return alphaBar[t];
  throw new RangeError(`${who}: timestep ${t} is outside the noise schedule 0…${alphaBar.length - 1}.`);
}

/**
 * `addNoise` at each of the timesteps a sampler visits, and one more for where it arrives: `stride` below the last, where
 * ᾱ is `finalAlphaBar` (default 1) once that leaves the schedule.
 */
export function levelsOf(
  alphaBar: ArrayLike<number>,
  timesteps: readonly number[],
  { stride = Infinity, finalAlphaBar = 1 } = {},
): { x: number; noise: number }[] {
  const end = (timesteps.at(-1) ?? -1) - stride;
  const bar = end < 0 ? finalAlphaBar : alphaBarAt(alphaBar, end, "levelsOf");
  return [...timesteps.map((t) => addNoise(alphaBar, t)), { x: Math.sqrt(bar), noise: Math.sqrt(1 - bar) }];
}
