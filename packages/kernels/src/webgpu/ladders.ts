/** For each op, its kernels from fastest to plainest. An op that has none here is a compile error in `backend.ts`. */
export { ladder as affine } from "../ops/affine/direct.wgsl.ts";
export { ladder as attention } from "../ops/attention/flash.wgsl.ts";
export { ladder as concat } from "../ops/concat/copy.wgsl.ts";
export { ladder as conv2d } from "../ops/conv2d/conv2d.wgsl.ts";
export { ladder as embed } from "../ops/embed/gather.wgsl.ts";
export { none as gatedLinear } from "../plan/kernel.ts";
export { ladder as groupStats } from "../ops/groupStats/groups.wgsl.ts";
export { ladder as layerNorm } from "../ops/layerNorm/rows.wgsl.ts";
export { ladder as linear } from "../ops/linear/linear.wgsl.ts";
export { ladder as pointwise } from "../ops/pointwise/direct.wgsl.ts";
export { ladder as pool } from "../ops/pool/window.wgsl.ts";
export { ladder as reshape } from "../ops/reshape/copy.wgsl.ts";
export { ladder as slice } from "../ops/slice/copy.wgsl.ts";
export { ladder as softmax } from "../ops/softmax/rows.wgsl.ts";
export { onHost as timestepEmbedding } from "../plan/kernel.ts";
export { ladder as upsample } from "../ops/upsample/nearest.wgsl.ts";
