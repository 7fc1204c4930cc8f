export type { LoraOptions } from "./adapters.ts";
export { CheckpointError, components, partOf, type Checkpoint, type Component } from "./checkpoint.ts";
export {
  backendNames,
  chooseBackend,
  type BackendName,
  type BackendOptions,
  type ChosenBackend,
} from "./chooseBackend.ts";
export { controlNetFrom, type ControlNet, type ControlOptions } from "./controlNet.ts";
export {
  editedPixels,
  openEditSession,
  type Edit,
  type EditReport,
  type EditResult,
  type EditSession,
  type EditSessionOptions,
} from "./editSession.ts";
export { editSparse, type EditOptions } from "./editSparse.ts";
export type { GenerateOptions, Parameters, Result } from "./generate.ts";
export { imageFromTensor, imageToTensor, type Image } from "./image.ts";
export { imageToImage, type ImageToImageOptions } from "./imageToImage.ts";
export { lazyGaugan, paintGaugan, planesOf, type Gaugan, type GauganCheckpoint } from "./paintGaugan.ts";
export { editedLabels, openPaintSession, type PaintSession, type Repaint, type RepaintReport } from "./paintSession.ts";
export { inpaint, type InpaintOptions } from "./inpaint.ts";
export { fitLatentColours, latentPreview, sd15LatentColours, type LatentColours } from "./latentPreview.ts";
export { noiseToImage, pixelPreview, type NoiseToImageOptions, type NoiseToImageResult } from "./noiseToImage.ts";
export { PipelineError } from "./PipelineError.ts";
export { lazyPixelDiffusion, type PixelCheckpoint, type PixelDiffusion } from "./pixelDiffusion.ts";
export type { OnProgress, Progress } from "./progress.ts";
export { printPsnr } from "./psnr.ts";
export { resizeImage } from "./resizeImage.ts";
export type { ActiveBlocks } from "./sparseNetwork.ts";
export {
  lazyStableDiffusion,
  loadStableDiffusion,
  type LoadOptions,
  type ModelOptions,
  type StableDiffusion,
  type StableDiffusionConfig,
} from "./stableDiffusion.ts";
export { textToImage, type TextToImageOptions } from "./textToImage.ts";
export { tinyPreview, type TinyPreview } from "./tinyPreview.ts";
export { urlCheckpoint, type UrlCheckpointOptions } from "./urlCheckpoint.ts";
export { printCachePlan, type CachePlan } from "@tessera/sparse";
