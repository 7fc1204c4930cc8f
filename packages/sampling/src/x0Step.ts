import type { Row } from "./prediction.ts";
import { clippedSampler, type Level, linearSampler, type Sampler } from "./sampler.ts";

/** A step by way of the predicted x₀: x ← x·x + x0·x̂₀ + noise·z with x̂₀ = inner.x·x + inner.out·model(x, t). */
export type X0Step = { t: number; x: number; x0: number; inner: Row; noise: number };

/** The sampler of such a table, x̂₀ clamped to ±`range` if there is one. */
export function x0Sampler(
  steps: readonly X0Step[],
  { range, levels }: { range?: number; levels: readonly Level[] },
): Sampler {
  if (range !== undefined) {
    return clippedSampler(
      steps.map((step) => ({ ...step, out: 0, range })),
      { levels },
    );
  }
  return linearSampler(
    steps.map(({ t, x, x0, inner, noise }) => ({
      t,
      input: 1,
      x: [x + x0 * inner.x],
      out: [x0 * inner.out],
      noise,
    })),
    { levels },
  );
}
