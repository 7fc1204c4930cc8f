import { type Model, noiseTerm, type SampleOptions, walk } from "./sample.ts";

/**
 * One step of a sampler that is linear in all it has seen: x ← Σₖ x[k]·xₙ₋ₖ + Σₖ out[k]·outₙ₋ₖ + noise·z, where
 * outₙ = model(input·xₙ, t). So k counts steps back, 0 is this one. A one-step sampler has one x and one out.
 */
export type LinearStep = {
  t: number;
  input: number;
  x: readonly number[];
  out: readonly number[];
  noise: number;
};

/**
 * Runs a table of `LinearStep`, as `sample` runs one of `Step`. Keeps as many of the last x and outputs as the table looks
 * back, so what `model` and `combine` return must stay as it is until then.
 *
 * @throws TypeError if the table adds noise and there is no `gaussian`; the signal's reason when aborted
 */
export function sampleLinear<T>(
  model: Model<T>,
  x: T,
  steps: readonly LinearStep[],
  options: SampleOptions<T>,
): Promise<T> {
  return walk(x, steps, linearAdvance(model, steps, options), options);
}

/** The step of `sampleLinear` for `walk`, with a memory of its own. */
export function linearAdvance<T>(model: Model<T>, steps: readonly LinearStep[], options: SampleOptions<T>) {
  const { combine } = options;
  const memory = Math.max(...steps.map(({ x, out }) => Math.max(x.length, out.length)));
  let xs: T[] = [];
  let outs: T[] = [];
  return async (current: T, step: LinearStep): Promise<T> => {
    const seen = step.input === 1 ? current : await combine([step.input, current]);
    xs = [current, ...xs].slice(0, memory);
    outs = [await model(seen, step.t), ...outs].slice(0, memory);
    const terms = [
      ...step.x.map((c, k): [number, T] => [c, xs[k]]),
      ...step.out.map((c, k): [number, T] => [c, outs[k]]),
    ];
    return combine(...terms.filter(([c]) => c !== 0), ...(await noiseTerm(step, options)));
  };
}
