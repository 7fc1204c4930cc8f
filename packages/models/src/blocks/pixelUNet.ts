import type { Params, Tensor } from "@tessera/kernels";
import { concat, silu } from "@tessera/kernels/ops";
import { conv, groupNorm } from "../layers.ts";

/** The outline of a UNet on pixels, in the field names of the DDPM family's configs. */
export interface PixelUNetShape {
  /** Side of the pictures that it was trained on; it says which levels have the resolutions of `attn_resolutions`. */
  readonly image_size: number;
  readonly out_ch: number;
  readonly ch: number;
  readonly ch_mult: readonly number[];
  readonly num_res_blocks: number;
  readonly attn_resolutions: readonly number[];
  readonly norm_num_groups: number;
}

/** The parts that the networks of the family differ in. */
export interface PixelUNetParts {
  /** A residual block to `co` channels. */
  block(p: Params, x: Tensor, co: number): Tensor;
  attention(p: Params, x: Tensor): Tensor;
  /** Half the size. */
  downsample(p: Params, x: Tensor): Tensor;
  /** To the size given, which is twice the size except where that was odd. */
  upsample(p: Params, x: Tensor, size: { readonly height: number; readonly width: number }): Tensor;
}

/** GroupNorm's epsilon throughout the family. */
export const eps = 1e-6;

/**
 * The UNet of Ho et al. 2020 (appendix B), which DDIM and progressive distillation kept: residual blocks at every level,
 * attention at some resolutions, every block's output joined to its mirror image's input. Parameter names are those of
 * ermongroup/ddim; `up` is counted from the largest picture.
 */
export function pixelUNet(p: Params, x: Tensor, shape: PixelUNetShape, parts: PixelUNetParts): Tensor {
  const { ch, ch_mult, num_res_blocks, out_ch, norm_num_groups } = shape;
  const levels = ch_mult.map((mult, level) => ({
    level,
    co: ch * mult,
    attends: shape.attn_resolutions.includes(Math.floor(shape.image_size / 2 ** level)),
  }));
  const layer = (at: Params, i: number, h: Tensor, { co, attends }: (typeof levels)[number]) => {
    const out = parts.block(at.at("block").at(i), h, co);
    return attends ? parts.attention(at.at("attn").at(i), out) : out;
  };

  let h = conv(p.at("conv_in"), x, ch, 3);
  const skips = [h];
  for (const level of levels) {
    const down = p.at("down").at(level.level);
    for (let i = 0; i < num_res_blocks; i++) skips.push((h = layer(down, i, h, level)));
    if (level !== levels.at(-1)) skips.push((h = parts.downsample(down.at("downsample"), h)));
  }

  const mid = p.at("mid");
  const [, widest] = h.dims("n c h w");
  h = parts.block(mid.at("block_1"), h, widest);
  h = parts.attention(mid.at("attn_1"), h);
  h = parts.block(mid.at("block_2"), h, widest);

  for (const level of levels.toReversed()) {
    const up = p.at("up").at(level.level);
    for (let i = 0; i <= num_res_blocks; i++) h = layer(up, i, concat({ a: h, b: skips.pop()! }), level);
    if (level.level > 0) {
      const [, , height, width] = skips.at(-1)!.dims("n c h w");
      h = parts.upsample(up.at("upsample"), h, { height, width });
    }
  }
  return conv(p.at("conv_out"), silu(groupNorm(p.at("norm_out"), h, norm_num_groups, eps)), out_ch, 3);
}
