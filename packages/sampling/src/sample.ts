import type { Row } from "./prediction.ts";

/** One step is one line of algebra, x ← x·x + out·model(x, t) + noise·z, so a sampler is a table of these (float64). */
export type Step = { t: number; x: number; out: number; noise: number };

/** A step whose x₀ is clamped on the way: x ← x·x + out·model + x0·clamp(inner.x·x + inner.out·model, ±range) + noise·z. */
export type ClippedStep = Step & { x0: number; inner: Row; range: number };

/** Σ coefficient · tensor. May run anywhere and may be asynchronous; must not write into its operands. */
export type Combine<T> = (...terms: [coefficient: number, tensor: T][]) => T | Promise<T>;

/** The network: x_t and the timestep → what it predicts, in the shape of x_t. */
export type Model<T> = (x: T, t: number) => T | Promise<T>;

/** Who looks on while the steps run. */
export type Watch<T> = {
  /** Called after each step with the new x; awaited, so that it may show a preview. */
  onStep?: (progress: { index: number; count: number; t: number; x: T }) => void | Promise<void>;
  /** Aborting it ends the run with the signal's reason, before the next step. */
  signal?: AbortSignal;
};

/** What `sample` needs besides the model: the algebra of T, and noise if the table adds any. */
export type SampleOptions<T> = Watch<T> & { combine: Combine<T>; gaussian?: () => T | Promise<T> };

/**
 * The one loop that every sampler runs in. `advance` is a sampler's step; one that needs more than the current x (earlier
 * outputs, say) keeps it in its own closure.
 */
export async function walk<T, S extends { t: number }>(
  x: T,
  steps: readonly S[],
  advance: (x: T, step: S) => T | Promise<T>,
  { onStep, signal }: Watch<T> = {},
): Promise<T> {
  for (const [index, step] of steps.entries()) {
    signal?.throwIfAborted();
    x = await advance(x, step);
    await onStep?.({ index, count: steps.length, t: step.t, x });
  }
  return x;
}

/**
 * Runs any table of steps from x, noise to begin with, to the image. T is a Float32Array with `combineFloat32`, or
 * whatever the caller's `combine` and `model` keep elsewhere, a GPU for instance.
 *
 * @throws TypeError if the table adds noise and there is no `gaussian`; the signal's reason when aborted
 */
export function sample<T>(model: Model<T>, x: T, steps: readonly Step[], options: SampleOptions<T>): Promise<T> {
  const { combine } = options;
  const advance = async (x: T, step: Step) => {
    const out = await model(x, step.t);
    return combine([step.x, x], [step.out, out], ...(await noiseTerm(step, options)));
  };
  return walk(x, steps, advance, options);
}

/** `sample` for a table of `clippedDdim`; `clamp` limits every element to ±range. */
export function sampleClipped<T>(
  model: Model<T>,
  x: T,
  steps: readonly ClippedStep[],
  options: SampleOptions<T> & { clamp: (x: T, range: number) => T | Promise<T> },
): Promise<T> {
  const { combine, clamp } = options;
  const advance = async (x: T, step: ClippedStep) => {
    const out = await model(x, step.t);
    const x0 = await clamp(await combine([step.inner.x, x], [step.inner.out, out]), step.range);
    return combine([step.x, x], [step.out, out], [step.x0, x0], ...(await noiseTerm(step, options)));
  };
  return walk(x, steps, advance, options);
}

/** The noise of a step as zero or one terms. */
export async function noiseTerm<T>(
  { t, noise }: Pick<Step, "t" | "noise">,
  { gaussian }: SampleOptions<T>,
): Promise<[number, T][]> {
  if (noise === 0) return [];
  if (!gaussian) {
    throw new TypeError(
      `sample: the step at timestep ${t} adds noise (coefficient ${noise}). Give gaussian, or use eta 0.`,
    );
  }
  return [[noise, await gaussian()]];
}

/**
 * The part of a table that image-to-image runs: the last ⌊count · strength⌋ steps, as diffusers' `get_timesteps` picks
 * them. Begin with `addNoise` at the first one's t. Strength 1 is all of them; one so low that no step is left gives [].
 *
 * @throws RangeError if the strength is outside 0…1
 */
export function stepsFromStrength<S>(steps: readonly S[], strength: number): S[] {
  if (!(strength >= 0 && strength <= 1)) {
    throw new RangeError(`stepsFromStrength: strength must be in 0…1, got ${strength}.`);
  }
  return steps.slice(steps.length - Math.floor(steps.length * strength));
}

/**
 * `combine` for arrays in memory: sums in float64, rounds once to float32.
 *
 * @throws RangeError if the arrays differ in length
 */
export function combineFloat32(...terms: [coefficient: number, tensor: Float32Array][]): Float32Array {
  const length = terms[0][1].length;
  const odd = terms.find(([, tensor]) => tensor.length !== length);
  if (odd) {
    throw new RangeError(
      `combineFloat32: operands of ${length} and ${odd[1].length} elements. All must be of one shape.`,
    );
  }
  return Float32Array.from({ length }, (_, i) => terms.reduce((sum, [c, tensor]) => sum + c * tensor[i], 0));
}
