import { defineOp, require } from "../../graph/defineOp.ts";
import { product } from "../../graph/tensor.ts";

/** The same numbers in the same row-major order under another shape. For pictures ↔ tokens see `tokens` and `image`. */
export const reshape = defineOp({
  name: "reshape",
  signature: "x[..p] -> y[..p]",
  attrs: { shape: [] as readonly number[] },
  reads: { x: "point" },
  infer({ p }, { shape }) {
    require(product(shape) === p, () => `[${shape.join(" ")}] holds ${product(shape)} numbers, x has ${p}`);
    return {};
  },
  shape: (_shapes, { shape }) => shape,
  reference({ x, y }) {
    y.data.set(x.data);
  },
});
