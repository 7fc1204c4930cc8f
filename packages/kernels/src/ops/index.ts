/** Table of contents: every op, one line each. */
export * from "./pointwise/index.ts";
export { affine } from "./affine/op.ts";
export { attention } from "./attention/op.ts";
export { concat } from "./concat/op.ts";
export { conv2d } from "./conv2d/op.ts";
export { embed } from "./embed/op.ts";
export { gatedLinear } from "./gatedLinear/op.ts";
export { groupStats } from "./groupStats/op.ts";
export { image } from "./image/op.ts";
export { layerNorm } from "./layerNorm/op.ts";
export { linear } from "./linear/op.ts";
export { pool } from "./pool/op.ts";
export { reshape } from "./reshape/op.ts";
export { slice } from "./slice/op.ts";
export { softmax } from "./softmax/op.ts";
export { timestepEmbedding } from "./timestepEmbedding/op.ts";
export { tokens } from "./tokens/op.ts";
export { upsample } from "./upsample/op.ts";
