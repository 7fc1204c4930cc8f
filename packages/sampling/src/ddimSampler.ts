import { clippedDdimFromConfig, ddimFromConfig } from "./ddim.ts";
import { stepsFromStrength } from "./sample.ts";
import { clippedSampler, linearSampler, type Sampler, type SamplerConfig, type SamplerOptions } from "./sampler.ts";
import { alphaBarsOf, levelsOf } from "./schedule.ts";

/** `ddimFromConfig`, or `clippedDdimFromConfig` where the config clips, as a `Sampler`. Draws noise if eta is above 0. */
export function ddimSampler(
  config: SamplerConfig,
  steps: number,
  { strength = 1, eta, useClippedModelOutput }: SamplerOptions = {},
): Sampler {
  const alphaBar = alphaBarsOf(config);
  const stride = Math.floor(alphaBar.length / steps);
  const finalAlphaBar = (config.set_alpha_to_one ?? true) ? 1 : alphaBar[0];
  const levels = (table: readonly { t: number }[]) =>
    levelsOf(
      alphaBar,
      table.map(({ t }) => t),
      { stride, finalAlphaBar },
    );
  if (config.clip_sample ?? true) {
    const table = stepsFromStrength(clippedDdimFromConfig(config, steps, { eta, useClippedModelOutput }), strength);
    return clippedSampler(table, { levels: levels(table) });
  }
  const table = stepsFromStrength(ddimFromConfig(config, steps, { eta }), strength);
  return linearSampler(
    table.map(({ t, x, out, noise }) => ({ t, input: 1, x: [x], out: [out], noise })),
    { levels: levels(table) },
  );
}
