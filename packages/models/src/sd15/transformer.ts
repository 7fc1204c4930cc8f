import type { Params, Tensor } from "@tessera/kernels";
import { add, attention, gelu, image, mul, slice, tokens } from "@tessera/kernels/ops";
import { conv, groupNorm, layerNorm, linear } from "../layers.ts";

export interface TransformerOptions {
  readonly heads: number;
  readonly groups: number;
  /** proj_in and proj_out are linear layers (SD 2.x) rather than 1×1 convolutions (SD 1.x). */
  readonly linearProjection: boolean;
}

/** diffusers' Transformer2DModel: the picture as tokens through one block, with a residual around. */
export function transformer(p: Params, x: Tensor, context: Tensor, options: TransformerOptions): Tensor {
  const { groups, linearProjection } = options;
  const [, c, height] = x.dims("n c h w");
  const normed = groupNorm(p.at("norm"), x, groups, 1e-6);
  let h = linearProjection
    ? linear(p.at("proj_in"), tokens({ x: normed }), c)
    : tokens({ x: conv(p.at("proj_in"), normed, c, 1) }); // [n, t, c]
  h = transformerBlock(p.at("transformer_blocks.0"), h, context, options);
  h = linearProjection
    ? image({ x: linear(p.at("proj_out"), h, c) }, { height })
    : conv(p.at("proj_out"), image({ x: h }, { height }), c, 1); // [n, c, h, w]
  return p.result(add(x, h));
}

/** Self-attention, attention to the text, feed-forward; each on a layer norm, each added back. */
function transformerBlock(p: Params, x: Tensor, context: Tensor, { heads }: TransformerOptions): Tensor {
  const e = x.shape[2];
  let h = layerNorm(p.at("norm1"), x, 1e-5);
  x = add(x, crossAttention(p.at("attn1"), h, h, heads));
  h = layerNorm(p.at("norm2"), x, 1e-5);
  x = add(x, crossAttention(p.at("attn2"), h, context, heads));
  h = layerNorm(p.at("norm3"), x, 1e-5);
  const ff = p.at("ff");
  return p.result(add(x, ff.result(linear(ff.at("net.2"), geglu(ff.at("net.0"), h, 4 * e), e))));
}

/** Attention of x [n t e] to context [n s _]; queries, keys and values without bias. */
function crossAttention(p: Params, x: Tensor, context: Tensor, heads: number): Tensor {
  const e = x.shape[2];
  const q = linear(p.at("to_q"), x, e, { bias: false });
  const k = linear(p.at("to_k"), context, e, { bias: false });
  const v = linear(p.at("to_v"), context, e, { bias: false });
  return p.result(linear(p.at("to_out.0"), attention({ q, k, v }, { heads }), e));
}

/** GEGLU (Shazeer 2020): the first half of the projection, gated by the exact GELU of the second. */
function geglu(p: Params, x: Tensor, width: number): Tensor {
  const projected = linear(p.at("proj"), x, 2 * width);
  const axis = projected.shape.length - 1;
  const value = slice({ x: projected }, { axis, begin: 0, end: width });
  const gate = slice({ x: projected }, { axis, begin: width, end: 2 * width });
  return p.result(mul(value, gelu(gate)));
}
