export { resnetBlock, type ResnetOptions } from "./blocks/resnetBlock.ts";
export { ddpmConfigs, parseDdpmConfig, type DdpmConfig } from "./ddpm/config.ts";
export { ddpmName, ddpmNames } from "./ddpm/names.ts";
export { ddpmGraph, ddpmUNet } from "./ddpm/unet.ts";
export { channelwise, channelwiseBatch, conv, groupNorm, layerNorm, linear } from "./layers.ts";
export { ConfigError } from "./parseConfig.ts";
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
