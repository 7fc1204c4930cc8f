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

/** What `sampleLinear` needs besides the model. */
export type LinearOptions<T> = SampleOptions<T> & {
  /**
   * Copies a tensor that later steps look back on. Needed where the next call of `model` or `combine` overwrites what the
   * last one returned. Default: the tensor itself.
   */
  keep?: (tensor: T) => T | Promise<T>;
};

/**
 * Runs a table of `LinearStep`, as `sample` runs one of `Step`. Remembers as many of the last x and outputs as the table
 * looks back; see `keep`.
 *
 * @throws TypeError if the table adds noise and there is no `gaussian`; the signal's reason when aborted
 */
export function sampleLinear<T>(
  model: Model<T>,
  x: T,
  steps: readonly LinearStep[],
  options: LinearOptions<T>,
): Promise<T> {
  return walk(x, steps, linearAdvance(model, steps, options), options);
}

/** The step of `sampleLinear` for `walk`, with a memory of its own. */
export function linearAdvance<T>(model: Model<T>, steps: readonly LinearStep[], options: LinearOptions<T>) {
  const { combine } = options;
  const memory = Math.max(...steps.map(({ x, out }) => Math.max(x.length, out.length)));
  const keep = (tensor: T) => (memory > 1 && options.keep ? options.keep(tensor) : tensor);
  let xs: T[] = [];
  let outs: T[] = [];
  return async (current: T, step: LinearStep): Promise<T> => {
    const seen = step.input === 1 ? current : await combine([step.input, current]);
    xs = [await keep(current), ...xs].slice(0, memory);
    outs = [await keep(await model(seen, step.t)), ...outs].slice(0, memory);
    const terms = [
      ...step.x.map((c, k): [number, T] => [c, xs[k]]),
      ...step.out.map((c, k): [number, T] => [c, outs[k]]),
    ];
    return combine(...terms.filter(([c]) => c !== 0), ...(await noiseTerm(step, options)));
  };
}
