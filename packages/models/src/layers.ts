import type { Params, Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";

/** Convolution: parameters `weight` [co ci/groups k k] and, unless told otherwise, `bias` [co]. `pad` defaults to "same". */
export function conv(
  p: Params,
  x: Tensor,
  co: number,
  size: number,
  { stride = 1, pad = ((size - 1) / 2) as number | readonly number[], groups = 1, bias = true } = {},
): Tensor {
  const [, ci] = x.dims("n c h w");
  const sides = typeof pad === "number" ? [pad, pad, pad, pad] : pad;
  const y = ops.conv2d({ x, weight: p.get("weight", [co, ci / groups, size, size]) }, { stride, pad: sides, groups });
  return p.result(bias ? ops.add(y, channelwise(p.get("bias", [co]))) : y);
}

/** Linear layer over the last dimension: parameters `weight` [o k] and, unless told otherwise, `bias` [o]. */
export function linear(p: Params, x: Tensor, o: number, { bias = true } = {}): Tensor {
  const y = ops.linear({ x, weight: p.get("weight", [o, x.shape.at(-1)!]) });
  return p.result(bias ? ops.add(y, p.get("bias", [o])) : y);
}

/** Group norm of a picture: parameters `weight` and `bias` [c]. */
export function groupNorm(p: Params, x: Tensor, groups: number, eps: number): Tensor {
  const [, c] = x.dims("n c h w");
  const stats = ops.groupStats({ x }, { groups, eps });
  return p.result(ops.affine({ x, stats, weight: p.get("weight", [c]), bias: p.get("bias", [c]) }));
}

/** Instance norm without parameters (Ulyanov et al. 2016): each channel of each picture to mean 0 and variance 1. */
export function instanceNorm(x: Tensor, eps: number): Tensor {
  const [n, c] = x.dims("n c h w");
  const stats = ops.groupStats({ x }, { groups: c, eps }); // [n c 2]
  const [mean, rstd] = [0, 1].map((i) =>
    ops.reshape({ x: ops.slice({ x: stats }, { axis: 2, begin: i, end: i + 1 }) }, { shape: [n, c, 1, 1] }),
  );
  return ops.mul(ops.sub(x, mean), rstd);
}

/** Layer norm over the last dimension: parameters `weight` and `bias` [e]. */
export function layerNorm(p: Params, x: Tensor, eps: number): Tensor {
  const e = x.shape.at(-1)!;
  return p.result(ops.layerNorm({ x, weight: p.get("weight", [e]), bias: p.get("bias", [e]) }, { eps }));
}

/** [c] as [1 c 1 1], to meet the channels of a picture. */
export const channelwise = (x: Tensor): Tensor => ops.reshape({ x }, { shape: [1, x.elements, 1, 1] });

/** [n c] as [n c 1 1], to meet the channels of a batch of pictures. */
export const channelwiseBatch = (x: Tensor): Tensor => ops.reshape({ x }, { shape: [...x.dims("n c"), 1, 1] });
