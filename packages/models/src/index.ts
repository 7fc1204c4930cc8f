export { architecture, architectures, parametrisedArchitectures } from "./architectures.ts";
export { resnetBlock, type ResnetOptions } from "./blocks/resnetBlock.ts";
export { ddpmConfigs, parseDdpmConfig, type DdpmConfig } from "./ddpm/config.ts";
export { ddpmName, ddpmNames } from "./ddpm/names.ts";
export { ddpmGraph, ddpmUNet } from "./ddpm/unet.ts";
export { cityscapesLabel } from "./gaugan/cityscapesColours.ts";
export {
  compressedGaugan,
  gauganConfigs,
  gauganSize,
  parseGauganConfig,
  semanticChannels,
  type GauganConfig,
} from "./gaugan/config.ts";
export { gauganGraph, spadeGenerator } from "./gaugan/generator.ts";
export { edges, segmentationOf, type LabelMap } from "./gaugan/segmentation.ts";
export { gauganWeights } from "./gaugan/weights.ts";
export { channelwise, channelwiseBatch, conv, groupNorm, instanceNorm, layerNorm, linear } from "./layers.ts";
export { ConfigError } from "./parseConfig.ts";
export {
  parseProgressiveDistillationConfig,
  progressiveDistillationConfigs,
  type ProgressiveDistillationConfig,
} from "./progressiveDistillation/config.ts";
export { progressiveDistillationGraph, progressiveDistillationUNet } from "./progressiveDistillation/unet.ts";
export { clipTextEncoder } from "./sd15/clip.ts";
export { componentGraph, type ComponentConfig, type ComponentSize } from "./sd15/componentGraph.ts";
export {
  parseClipTextConfig,
  parseUNetConfig,
  parseVaeConfig,
  sd15,
  vaeFactor,
  type ClipTextConfig,
  type UNetConfig,
  type VaeConfig,
} from "./sd15/config.ts";
export {
  diffusersName,
  diffusersNames,
  isLdm,
  ldmNames,
  ldmTextName,
  ldmUNetName,
  ldmVaeName,
  type Part,
} from "./sd15/names.ts";
export { transformer, type TransformerOptions } from "./sd15/transformer.ts";
export { unet, type UNetInputs } from "./sd15/unet.ts";
export { vaeDecoder, vaeEncoder } from "./sd15/vae.ts";
export {
  clipTokenizer,
  UnknownCharacterError,
  type ClipTokenizer,
  type ClipTokenizerConfig,
  type ClipTokenizerFiles,
} from "./tokenizer/clipBpe.ts";
