import type { Experiment } from "./experiment.ts";
import { mobileDiffusionArchitecture } from "./mobileDiffusionArchitecture.ts";
import { mobileDiffusionLatency } from "./mobileDiffusionLatency.ts";
import { sd15Breakdown } from "./sd15Breakdown.ts";
import { sigeMacs } from "./sigeMacs.ts";
import { winogradTiles } from "./winogradTiles.ts";

/** All experiments, in the order in which they are printed. */
export const experiments: readonly Experiment[] = [
  winogradTiles,
  sd15Breakdown,
  sigeMacs,
  mobileDiffusionArchitecture,
  mobileDiffusionLatency,
];

export type { Experiment, Laboratory, Part, Settings } from "./experiment.ts";
export { begin, concluded, merged, missing, proceed, type Shard } from "./reproduce.ts";
