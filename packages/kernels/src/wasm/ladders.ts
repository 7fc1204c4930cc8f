/** For each op, its kernels from fastest to plainest. An op that has none here is a compile error in `backend.ts`. */
export { ladder as affine } from "../ops/affine/affine.wasm.ts";
export { ladder as attention } from "../ops/attention/attention.wasm.ts";
export { ladder as concat } from "../ops/concat/concat.wasm.ts";
export { ladder as conv2d } from "../ops/conv2d/conv2d.wasm.ts";
export { ladder as embed } from "../ops/embed/embed.wasm.ts";
export { ladder as gatedLinear } from "../ops/gatedLinear/gatedLinear.wasm.ts";
export { ladder as groupStats } from "../ops/groupStats/groupStats.wasm.ts";
export { ladder as layerNorm } from "../ops/layerNorm/layerNorm.wasm.ts";
export { ladder as linear } from "../ops/linear/linear.wasm.ts";
export { ladder as pointwise } from "../ops/pointwise/pointwise.wasm.ts";
export { ladder as pool } from "../ops/pool/window.wasm.ts";
export { ladder as reshape } from "../ops/reshape/reshape.wasm.ts";
export { ladder as slice } from "../ops/slice/slice.wasm.ts";
export { ladder as softmax } from "../ops/softmax/softmax.wasm.ts";
export { onHost as timestepEmbedding } from "../plan/kernel.ts";
export { ladder as upsample } from "../ops/upsample/upsample.wasm.ts";
