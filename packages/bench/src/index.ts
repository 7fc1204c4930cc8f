export { ablate, switches, type AblateOptions, type Switch } from "./ablate.ts";
export { agreement, difference } from "./agree.ts";
export { sd15Ops, smallOps, type OpCase } from "./opCases.ts";
export { partition } from "./partition.ts";
export { randomInputs, randomWeights } from "./randomNumbers.ts";
export { resident, type Resident } from "./resident.ts";
export {
  AblationSchema,
  ComparisonSchema,
  parseResult,
  ResultSchema,
  timeOf,
  type Ablation,
  type AblationRow,
  type Case,
  type Comparison,
  type EngineRow,
  type Limits,
  type Machine,
  type Result,
  type Time,
} from "./result.ts";
export { median, medianDeviation } from "./stats.ts";
