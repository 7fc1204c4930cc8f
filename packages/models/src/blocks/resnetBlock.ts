import type { Params, Tensor } from "@tessera/kernels";
import { add, silu } from "@tessera/kernels/ops";
import { channelwiseBatch, conv, groupNorm, linear, separableConv } from "../layers.ts";

export interface ResnetOptions {
  readonly groups: number;
  readonly eps: number;
  /** The time embedding [n e]; the VAE's blocks have none. */
  readonly temb?: Tensor;
  /** Its two 3×3 convolutions are separable. */
  readonly separable?: boolean;
}

/** norm → silu → conv, + time, norm → silu → conv, + skip. Parameter names are diffusers' ResnetBlock2D's. */
export function resnetBlock(p: Params, x: Tensor, co: number, { groups, eps, temb, separable }: ResnetOptions): Tensor {
  const [, ci] = x.dims("n ci h w");
  const conv3 = separable ? separableConv : (at: Params, x: Tensor, co: number) => conv(at, x, co, 3);
  let h = conv3(p.at("conv1"), silu(groupNorm(p.at("norm1"), x, groups, eps)), co);
  if (temb) h = add(h, channelwiseBatch(linear(p.at("time_emb_proj"), silu(temb), co)));
  h = conv3(p.at("conv2"), silu(groupNorm(p.at("norm2"), h, groups, eps)), co);
  return p.result(add(ci === co ? x : conv(p.at("conv_shortcut"), x, co, 1), h));
}
