export { architectures } from "./architectures.ts";
export { resnetBlock, type ResnetOptions } from "./blocks/resnetBlock.ts";
export { channelwise, channelwiseBatch, conv, groupNorm, layerNorm, linear } from "./layers.ts";
export { LoraError, loraTargets, readLora, type Lora, type LoraLayer } from "./lora/lora.ts";
export { runtimeLora, type RuntimeLora } from "./lora/runtimeLora.ts";
export { withLora } from "./lora/withLora.ts";
export { clipTextEncoder } from "./sd15/clip.ts";
export { componentGraph, type ComponentConfig, type ComponentSize } from "./sd15/componentGraph.ts";
export {
  ConfigError,
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
