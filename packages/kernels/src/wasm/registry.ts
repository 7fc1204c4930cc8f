import { simd as affine } from "../ops/affine/affine.wasm.ts";
import { streamed } from "../ops/attention/attention.wasm.ts";
import { copy as concat } from "../ops/concat/concat.wasm.ts";
import { depthwise } from "../ops/conv2d/depthwise.wasm.ts";
import { direct } from "../ops/conv2d/direct.wasm.ts";
import { gemm as conv } from "../ops/conv2d/gemm.wasm.ts";
import { copy as embed } from "../ops/embed/embed.wasm.ts";
import { float64 } from "../ops/groupStats/groupStats.wasm.ts";
import { simd as layerNorm } from "../ops/layerNorm/layerNorm.wasm.ts";
import { dot, gemm as linear } from "../ops/linear/linear.wasm.ts";
import type { OpName } from "../ops/opName.ts";
import { simd as pointwise } from "../ops/pointwise/pointwise.wasm.ts";
import { gather } from "../ops/reshape/reshape.wasm.ts";
import { copy as slice } from "../ops/slice/slice.wasm.ts";
import { simd as softmax } from "../ops/softmax/softmax.wasm.ts";
import { copy as upsample } from "../ops/upsample/upsample.wasm.ts";
import { host } from "../plan/kernel.ts";
import type { WasmKernel } from "./kernel.ts";

/** For each op, its kernels from fastest to plainest. An op without kernels does not compile. */
export const ladders = {
  affine: [affine],
  attention: [streamed],
  concat: [concat],
  conv2d: [conv, depthwise, direct],
  embed: [embed],
  groupStats: [float64],
  layerNorm: [layerNorm],
  linear: [linear, dot],
  pointwise: [pointwise],
  reshape: [gather],
  slice: [slice],
  softmax: [softmax],
  timestepEmbedding: [host],
  upsample: [upsample],
} satisfies { [K in OpName | "reshape"]: readonly (WasmKernel | typeof host)[] };
