import { attentionChoice } from "./attentionChoice.ts";
import type { Experiment } from "./experiment.ts";
import { gpu } from "./gpu.ts";
import { kernelAblation } from "./kernelAblation.ts";
import { mobileDiffusionArchitecture } from "./mobileDiffusionArchitecture.ts";
import { mobileDiffusionLatency } from "./mobileDiffusionLatency.ts";
import { sd15Breakdown } from "./sd15Breakdown.ts";
import { phonePrediction } from "./phonePrediction.ts";
import { roofline } from "./roofline.ts";
import { samplers } from "./samplers.ts";
import { sigeAblation } from "./sigeAblation.ts";
import { sigeFidelity } from "./sigeFidelity.ts";
import { sigeLatency } from "./sigeLatency.ts";
import { sigeMacs } from "./sigeMacs.ts";
import { winogradTiles } from "./winogradTiles.ts";

/** All experiments, in the order in which they are printed. */
export const experiments: readonly Experiment[] = [
  winogradTiles,
  kernelAblation,
  sd15Breakdown,
  attentionChoice,
  sigeMacs,
  sigeLatency,
  sigeFidelity,
  sigeAblation,
  mobileDiffusionArchitecture,
  mobileDiffusionLatency,
  samplers,
  roofline,
  phonePrediction,
  gpu,
];

export { countEdits } from "./countEdits.ts";
export { editMasks } from "./editMasks.ts";
export { editNetworks, type EditNetwork } from "./editNetworks.ts";
export type { Experiment, Laboratory, Part, Settings } from "./experiment.ts";
export { begin, concluded, merged, missing, proceed, type Shard } from "./reproduce.ts";
export { timeEdits } from "./timeEdits.ts";
