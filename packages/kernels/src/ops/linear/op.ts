import { defineOp } from "../../graph/defineOp.ts";

/** x · weightᵀ over the last dimension: PyTorch's Linear, less the bias, which is an `add`. */
export const linear = defineOp({
  name: "linear",
  signature: "x[..b k] weight[o k] -> y[..b o]",
  attrs: {},
  reads: { x: "point", weight: "all" },
  macs: ({ b, o, k }) => b * o * k,
  reference({ x, weight, y }, { b, o, k }) {
    for (let row = 0; row < b; row++)
      for (let col = 0; col < o; col++) {
        let acc = 0;
        for (let i = 0; i < k; i++) acc += x.at(row, i) * weight.at(col, i);
        y.set(acc, row, col);
      }
  },
});
