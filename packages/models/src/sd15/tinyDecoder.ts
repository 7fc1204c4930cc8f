import { Graph, type Params, type Tensor } from "@tessera/kernels";
import { add, relu, scale, tanh, upsample } from "@tessera/kernels/ops";
import { renamed, type WeightSource } from "@tessera/safetensors";
import { conv } from "../layers.ts";

const width = 64;
/** Residual blocks at each size; between them the picture doubles. */
const blocks = [3, 3, 3, 1];

/**
 * TAESD's decoder (madebyollin/taesd; diffusers' AutoencoderTiny): latents [n 4 h w], scaled as the UNet has them → picture
 * [n 3 8h 8w], about −1 … 1. An eighteenth of the VAE's multiply-adds, for previews. Parameter names are diffusers'.
 */
export function tinyDecoder(p: Params, latents: Tensor): Tensor {
  const layers = p.at("decoder.layers");
  let index = 0;
  let h = scale(tanh(scale(latents, 1 / 3)), 3);
  h = relu(conv(layers.at(index++), h, width, 3));
  index++; // the activation
  for (const [level, count] of blocks.entries()) {
    for (let i = 0; i < count; i++) h = block(layers.at(index++), h);
    if (level === blocks.length - 1) break;
    const [, , height, across] = h.dims("n c h w");
    index++; // the upsampling
    h = conv(layers.at(index++), upsample({ x: h }, { height: 2 * height, width: 2 * across }), width, 3, {
      bias: false,
    });
  }
  return scale(conv(layers.at(index), h, 3, 3), 2, -1);
}

/** Three convolutions and a skip. */
function block(p: Params, x: Tensor): Tensor {
  const first = relu(conv(p.at("conv.0"), x, width, 3));
  const second = relu(conv(p.at("conv.2"), first, width, 3));
  return p.result(relu(add(conv(p.at("conv.4"), second, width, 3), x)));
}

/** The network alone: `latents` → `sample`. */
export function tinyDecoderGraph({ batch = 1, height = 64, width = 64 } = {}): Graph {
  const graph = new Graph();
  graph.output("sample", tinyDecoder(graph.scope(), graph.input("latents", [batch, 4, height, width])));
  return graph;
}

/** The tensors under the model's names: from diffusers' file, or from `taesd_decoder.safetensors`, which counts one layer more. */
export const tinyDecoderNames = (source: WeightSource): WeightSource =>
  renamed(source, (name) => {
    if (name.startsWith("encoder.")) return undefined;
    const own = /^(\d+)\.(.*)$/.exec(name);
    return own ? `decoder.layers.${Number(own[1]) - 1}.${own[2]}` : name;
  });
