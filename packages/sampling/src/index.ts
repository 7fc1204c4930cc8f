export { clippedDdim, clippedDdimFromConfig, ddim, ddimFromConfig } from "./ddim.ts";
export type { DdimOptions } from "./ddim.ts";
export { ddimSampler } from "./ddimSampler.ts";
export { ddpm, ddpmFromConfig } from "./ddpm.ts";
export { dpmSolver, dpmSolverFromConfig } from "./dpmSolver.ts";
export type { DpmSolverOptions } from "./dpmSolver.ts";
export { euler, eulerFromConfig } from "./euler.ts";
export type { SigmaOptions } from "./euler.ts";
export { eulerAncestral, eulerAncestralFromConfig } from "./eulerAncestral.ts";
export { guidance } from "./guidance.ts";
export { fourierFeatures, guidanceEmbedding, guidanceTarget } from "./guidanceDistillation.ts";
export { lcm, lcmFromConfig, lcmTimesteps } from "./lcm.ts";
export { mt19937 } from "./mt19937.ts";
export { philox4x32 } from "./philox.ts";
export { pndm, pndmFromConfig } from "./pndm.ts";
export { prediction, predictionOf } from "./prediction.ts";
export type { Prediction, Row } from "./prediction.ts";
export {
  bothHead,
  cosineLogSnr,
  distillationTarget,
  fromBoth,
  invCos,
  progressiveDistillation,
  progressiveDistillationFromConfig,
} from "./progressiveDistillation.ts";
export type { LogSnr } from "./progressiveDistillation.ts";
export { combineFloat32, sample, sampleClipped, stepsFromStrength, walk } from "./sample.ts";
export type { ClippedStep, Combine, Model, SampleOptions, Step, Watch } from "./sample.ts";
export { sampleLinear } from "./sampleLinear.ts";
export type { LinearOptions, LinearStep } from "./sampleLinear.ts";
export { clampFloat32, clippedSampler, linearSampler } from "./sampler.ts";
export type { Level, MakeSampler, RunOptions, Sampler, SamplerConfig, SamplerOptions } from "./sampler.ts";
export { samplerFromConfig, samplers } from "./samplers.ts";
export type { SamplerName } from "./samplers.ts";
export { addNoise, alphaBarsOf, levelsOf } from "./schedule.ts";
export type { SchedulerConfig } from "./schedule.ts";
export { karrasSigmas, sigmasOf } from "./sigmas.ts";
export { timesteps } from "./timesteps.ts";
export type { TimestepSpacing } from "./timesteps.ts";
export { torchCudaGenerator } from "./torchCudaGenerator.ts";
export { torchGenerator } from "./torchGenerator.ts";
export type { Generator } from "./torchGenerator.ts";
export { ufogen, ufogenFromConfig } from "./ufogen.ts";
export { x0Sampler } from "./x0Step.ts";
export type { X0Step } from "./x0Step.ts";
