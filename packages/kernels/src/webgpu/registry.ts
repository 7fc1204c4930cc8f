import { direct as affine } from "../ops/affine/direct.wgsl.ts";
import { flash } from "../ops/attention/flash.wgsl.ts";
import { copy as concat } from "../ops/concat/copy.wgsl.ts";
import { direct as conv2d } from "../ops/conv2d/direct.wgsl.ts";
import { implicitGemmRegisters, implicitGemmShared } from "../ops/conv2d/implicitGemm.wgsl.ts";
import { gather } from "../ops/embed/gather.wgsl.ts";
import { groups } from "../ops/groupStats/groups.wgsl.ts";
import { rows as layerNorm } from "../ops/layerNorm/rows.wgsl.ts";
import { direct as linear } from "../ops/linear/direct.wgsl.ts";
import { tiledRegisters, tiledShared } from "../ops/linear/tiled.wgsl.ts";
import type { OpName } from "../ops/opName.ts";
import { direct as pointwise } from "../ops/pointwise/direct.wgsl.ts";
import { copy as reshape } from "../ops/reshape/copy.wgsl.ts";
import { copy as slice } from "../ops/slice/copy.wgsl.ts";
import { rows as softmax } from "../ops/softmax/rows.wgsl.ts";
import { nearest } from "../ops/upsample/nearest.wgsl.ts";
import { host, type Kernel } from "../plan/kernel.ts";
import type { WebgpuCaps } from "./caps.ts";
import type { WgslKernel } from "./wgslKernel.ts";

/** For each op, its kernels from fastest to plainest. Tokens and images are views and need none. */
export const ladders = {
  affine: [affine],
  attention: [flash],
  concat: [concat],
  conv2d: [implicitGemmShared, implicitGemmRegisters, conv2d],
  embed: [gather],
  gatedLinear: [],
  groupStats: [groups],
  layerNorm: [layerNorm],
  linear: [tiledShared, tiledRegisters, linear],
  pointwise: [pointwise],
  reshape: [reshape],
  slice: [slice],
  softmax: [softmax],
  timestepEmbedding: [host],
  upsample: [nearest],
} satisfies { readonly [K in OpName | "reshape"]: readonly (WgslKernel | Kernel<WebgpuCaps>)[] };
