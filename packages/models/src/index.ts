export { architecture, architectureNames, architectures } from "./architectures.ts";
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
export { configKind, networksOf, type ConfigKind, type Network, type Networks } from "./networks.ts";
export { ConfigError } from "./parseConfig.ts";
export {
  parseProgressiveDistillationConfig,
  progressiveDistillationConfigs,
  type ProgressiveDistillationConfig,
} from "./progressiveDistillation/config.ts";
export { progressiveDistillationGraph, progressiveDistillationUNet } from "./progressiveDistillation/unet.ts";
export { LoraError, loraTargets, readLora, type Lora, type LoraLayer } from "./lora/lora.ts";
export { runtimeLora, type RuntimeLora } from "./lora/runtimeLora.ts";
export { withLora } from "./lora/withLora.ts";
export {
  mobileDiffusion,
  mobileDiffusionLite,
  mobileDiffusionVae,
  parseMobileDiffusionConfig,
  type MobileDiffusionConfig,
} from "./mobileDiffusion/config.ts";
export { mobileDiffusionGraph, mobileDiffusionUNet } from "./mobileDiffusion/unet.ts";
export { clipLayers, clipTextEncoder, type ClipLayersConfig } from "./sd15/clip.ts";
export { componentGraph, type ComponentConfig, type ComponentSize } from "./sd15/componentGraph.ts";
export {
  controlNetSd15,
  parseClipTextConfig,
  parseControlNetConfig,
  parseUNetConfig,
  parseVaeConfig,
  sd15,
  sd15Inpainting,
  sd2,
  vaeFactor,
  type ClipTextConfig,
  type ControlNetConfig,
  type StableDiffusionConfigs,
  type UNetConfig,
  type VaeConfig,
} from "./sd15/config.ts";
export { controlNet, type ControlNetInputs } from "./sd15/controlNet.ts";
export {
  controlNetNames,
  diffusersName,
  diffusersNames,
  isLdm,
  ldmNames,
  ldmTextName,
  ldmUNetName,
  ldmVaeName,
  type Part,
} from "./sd15/names.ts";
export { tinyDecoder, tinyDecoderGraph, tinyDecoderNames } from "./sd15/tinyDecoder.ts";
export { transformer, type TransformerOptions } from "./sd15/transformer.ts";
export { unet, unetEncoder, type Control, type UNetInputs } from "./sd15/unet.ts";
export { vaeDecoder, vaeEncoder } from "./sd15/vae.ts";
export {
  addTokens,
  readTextualInversion,
  TextualInversionError,
  withTokens,
  type TextualInversion,
} from "./textualInversion/textualInversion.ts";
export {
  clipTokenizer,
  UnknownCharacterError,
  type ClipTokenizer,
  type ClipTokenizerConfig,
  type ClipTokenizerFiles,
} from "./tokenizer/clipBpe.ts";
