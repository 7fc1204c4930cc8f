import type { Params, Tensor } from "@tessera/kernels";
import { mul, silu } from "@tessera/kernels/ops";
import { conv } from "../layers.ts";
import type { ControlNetConfig } from "./config.ts";
import { unetEncoder, type Control, type UNetInputs } from "./unet.ts";

export interface ControlNetInputs extends UNetInputs {
  /** The control picture [1 3 H W] in 0 … 1, `8 = 2^(widths − 1)` times the latents' size. */
  readonly controlnet_cond: Tensor;
  /** [1]: how strongly to steer; everything that comes out is multiplied by it. */
  readonly conditioning_scale: Tensor;
}

/**
 * ControlNet (Zhang et al. 2023): a copy of the UNet's first half that sees a control picture too and answers, through
 * 1×1 convolutions that training began at zero, with what the UNet shall add to its skips and its middle. Parameter names
 * are those of diffusers' ControlNetModel.
 */
export function controlNet(
  p: Params,
  { controlnet_cond, conditioning_scale, ...inputs }: ControlNetInputs,
  config: ControlNetConfig,
): Control {
  const hint = hintEncoder(p.at("controlnet_cond_embedding"), controlnet_cond, config);
  const { skips, mid } = unetEncoder(p, inputs, config, hint);
  const out = (at: Params, x: Tensor) => mul(conv(at, x, x.shape[1], 1), conditioning_scale);
  return {
    down: skips.map((skip, i) => out(p.at("controlnet_down_blocks").at(i), skip)),
    mid: out(p.at("controlnet_mid_block"), mid),
  };
}

/** The picture at the size of the latents: per width a convolution, and one of stride 2 to the next width. */
function hintEncoder(p: Params, picture: Tensor, config: ControlNetConfig): Tensor {
  const widths = config.conditioning_embedding_out_channels;
  let h = silu(conv(p.at("conv_in"), picture, widths[0], 3));
  widths.slice(0, -1).forEach((c, i) => {
    h = silu(conv(p.at("blocks").at(2 * i), h, c, 3));
    h = silu(conv(p.at("blocks").at(2 * i + 1), h, widths[i + 1], 3, { stride: 2 }));
  });
  return p.result(conv(p.at("conv_out"), h, config.block_out_channels[0], 3));
}
