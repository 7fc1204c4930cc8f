import type { SamplerConfig } from "./sampler.ts";

/**
 * Refuses config fields that would change the picture and are not implemented: better than a slightly wrong one.
 *
 * @throws RangeError if one of `fields` is set in the config (absent, null and false are not)
 */
export function refuse(who: string, config: SamplerConfig, fields: readonly string[]): void {
  const set = Object.entries(config).find(([name, value]) => fields.includes(name) && value);
  if (set) throw new RangeError(`${who}: ${set[0]} (${String(set[1])}) is not implemented. Remove it from the config.`);
}
