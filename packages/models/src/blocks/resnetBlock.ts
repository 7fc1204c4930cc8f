import type { Params, Tensor } from "@tessera/kernels";
import { add, silu } from "@tessera/kernels/ops";
import { channelwiseBatch, conv, groupNorm, linear } from "../layers.ts";

export interface ResnetOptions {
  readonly groups: number;
  readonly eps: number;
  /** The time embedding [n e]; the VAE's blocks have none. */
  readonly temb?: Tensor;
}

/** norm → silu → conv, + time, norm → silu → conv, + skip. Parameter names are diffusers' ResnetBlock2D's. */
export function resnetBlock(p: Params, x: Tensor, co: number, { groups, eps, temb }: ResnetOptions): Tensor {
  const [, ci] = x.dims("n ci h w");
  let h = conv(p.at("conv1"), silu(groupNorm(p.at("norm1"), x, groups, eps)), co, 3);
  if (temb) h = add(h, channelwiseBatch(linear(p.at("time_emb_proj"), silu(temb), co)));
  h = conv(p.at("conv2"), silu(groupNorm(p.at("norm2"), h, groups, eps)), co, 3);
  return p.result(add(ci === co ? x : conv(p.at("conv_shortcut"), x, co, 1), h));
}
