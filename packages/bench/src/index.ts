export { runMarkdown, tableMarkdown } from "./experiments/markdown.ts";
export { papers, paperFigures, type Paper } from "./experiments/paperFigures.ts";
export {
  parseRuns,
  ResultFileError,
  RunSchema,
  type PaperFigure,
  type Row,
  type Run,
  type Table,
} from "./experiments/run.ts";
export { ablate, switches, type AblateOptions, type Switch } from "./ablate.ts";
export { agreement, agreementInHalves, difference } from "./agree.ts";
export { limitsOf, measureLimits } from "./limits.ts";
export { machine } from "#platform";
export { cachedOps, sd15Ops, smallOps, type OpCase } from "./opCases.ts";
export { outerUnet } from "./outerUnet.ts";
export { partition } from "./partition.ts";
export { profile, type ProfileOptions } from "./profile.ts";
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
  type Edits,
  type EditsRow,
  type EngineRow,
  type Limits,
  type Machine,
  type Profile,
  type ProfileRow,
  type Result,
  type Standing,
  type Time,
} from "./result.ts";
export { median, medianDeviation, medianError } from "./stats.ts";
export { standings } from "./standings.ts";
export { opSubject, type Subject } from "./subject.ts";
export { timeOps, type TimeOpsOptions } from "./timeOps.ts";
export {
  clipCosines,
  clipGraph,
  clipImage,
  clipPixels,
  clipS,
  clipText,
  clipVitLarge14,
  openClip,
  parseClipConfig,
  type Clip,
  type ClipConfig,
} from "./metrics/clip.ts";
export { ConfusionMatrix } from "./metrics/ConfusionMatrix.ts";
export { FeatureStatistics } from "./metrics/FeatureStatistics.ts";
export { frechetDistance, type MeanAndCovariance } from "./metrics/frechetDistance.ts";
export { inception, inceptionFeatures, inceptionGraph, openInception } from "./metrics/inception.ts";
export { lpipsFeatures, lpipsNets, openLpips, type Lpips, type LpipsNet } from "./metrics/lpips.ts";
export { MissingWeightsError } from "./metrics/MissingWeightsError.ts";
export { openBatched, type Batched } from "./metrics/openBatched.ts";
export { meanSquaredError, psnr, type PsnrOptions } from "./metrics/psnr.ts";
export { resample } from "./metrics/resample.ts";
export { ssim, type SsimOptions } from "./metrics/ssim.ts";
export { attributes, type Attributes, type Building } from "./townscapes/attributes.ts";
export { caption } from "./townscapes/caption.ts";
export { labels, type Label } from "./townscapes/Canvas.ts";
export { evalnet, evalnetGraph, evalnetSizes, openEvalnet, pixelsOf } from "./townscapes/evalnet.ts";
export { readCaption } from "./townscapes/readCaption.ts";
export { judgements, Tally, type Judgement, type Said } from "./townscapes/Tally.ts";
export { townscape, type Townscape } from "./townscapes/townscape.ts";
