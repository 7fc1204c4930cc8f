import { defineOp } from "../../graph/defineOp.ts";

/** Softmax over the last dimension, the row's largest value taken off first. */
export const softmax = defineOp({
  name: "softmax",
  signature: "x[..b k] -> y[..b k]",
  attrs: {},
  reads: { x: "all" },
  reference({ x, y }, { b, k }) {
    for (let row = 0; row < b; row++) {
      let largest = -Infinity;
      for (let i = 0; i < k; i++) largest = Math.max(largest, x.at(row, i));
      let sum = 0;
      for (let i = 0; i < k; i++) sum += Math.exp(x.at(row, i) - largest);
      for (let i = 0; i < k; i++) y.set(Math.exp(x.at(row, i) - largest) / sum, row, i);
    }
  },
});
