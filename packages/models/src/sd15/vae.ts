import type { Params, Tensor } from "@tessera/kernels";
import { add, attention, image, silu, tokens, upsample } from "@tessera/kernels/ops";
import { resnetBlock } from "../blocks/resnetBlock.ts";
import { conv, groupNorm, linear } from "../layers.ts";
import type { VaeConfig } from "./config.ts";

const eps = 1e-6;

/**
 * Picture [n 3 H W] in −1 … 1 → moments [n 2·latents h w]: mean, then log variance, of the latents before scaling.
 * Parameter names are those of diffusers' AutoencoderKL; `quant_conv` is included.
 */
export function vaeEncoder(p: Params, sample: Tensor, config: VaeConfig): Tensor {
  const { block_out_channels: widths, layers_per_block, norm_num_groups: groups, latent_channels } = config;
  const encoder = p.at("encoder");
  let h = conv(encoder.at("conv_in"), sample, widths[0], 3);
  widths.forEach((co, block) => {
    const down = encoder.at("down_blocks").at(block);
    for (let layer = 0; layer < layers_per_block; layer++)
      h = resnetBlock(down.at("resnets").at(layer), h, co, { groups, eps });
    if (block < widths.length - 1) {
      const sampler = down.at("downsamplers.0");
      // Zeros at the bottom and right only.
      h = sampler.result(conv(sampler.at("conv"), h, co, 3, { stride: 2, pad: [0, 0, 1, 1] }));
    }
    down.result(h);
  });
  h = midBlock(encoder.at("mid_block"), h, groups);
  h = silu(groupNorm(encoder.at("conv_norm_out"), h, groups, eps));
  h = conv(encoder.at("conv_out"), h, 2 * latent_channels, 3);
  return conv(p.at("quant_conv"), h, 2 * latent_channels, 1);
}

/** Latents [n c h w], already divided by the scaling factor → picture [n 3 H W], about −1 … 1. Includes `post_quant_conv`. */
export function vaeDecoder(p: Params, latents: Tensor, config: VaeConfig): Tensor {
  const { block_out_channels, layers_per_block, norm_num_groups: groups, latent_channels, out_channels } = config;
  const widths = block_out_channels.toReversed();
  const decoder = p.at("decoder");
  let h = conv(p.at("post_quant_conv"), latents, latent_channels, 1);
  h = conv(decoder.at("conv_in"), h, widths[0], 3);
  h = midBlock(decoder.at("mid_block"), h, groups);
  widths.forEach((co, block) => {
    const up = decoder.at("up_blocks").at(block);
    for (let layer = 0; layer <= layers_per_block; layer++)
      h = resnetBlock(up.at("resnets").at(layer), h, co, { groups, eps });
    if (block < widths.length - 1) {
      const [, , height, width] = h.dims("n c h w");
      const sampler = up.at("upsamplers.0");
      const doubled = upsample({ x: h }, { height: 2 * height, width: 2 * width });
      h = sampler.result(conv(sampler.at("conv"), doubled, co, 3));
    }
    up.result(h);
  });
  h = silu(groupNorm(decoder.at("conv_norm_out"), h, groups, eps));
  return conv(decoder.at("conv_out"), h, out_channels, 3);
}

/** Residual block, single-head self-attention over the pixels, residual block. */
function midBlock(p: Params, x: Tensor, groups: number): Tensor {
  const [, c, height] = x.dims("n c h w");
  let h = resnetBlock(p.at("resnets.0"), x, c, { groups, eps });
  const a = p.at("attentions.0");
  const t = tokens({ x: groupNorm(a.at("group_norm"), h, groups, eps) }); // [n, h·w, c]
  const q = linear(a.at("to_q"), t, c);
  const k = linear(a.at("to_k"), t, c);
  const v = linear(a.at("to_v"), t, c);
  const attended = linear(a.at("to_out.0"), attention({ q, k, v }, { heads: 1 }), c);
  h = a.result(add(h, image({ x: attended }, { height })));
  return p.result(resnetBlock(p.at("resnets.1"), h, c, { groups, eps }));
}
