import { defineOp, require } from "../../graph/defineOp.ts";
import { product } from "../../graph/tensor.ts";

/** The part of `x` from `begin` to `end` (exclusive) along `axis`. */
export const slice = defineOp({
  name: "slice",
  signature: "x[..p] -> y[..p]",
  attrs: { axis: 0, begin: 0, end: 0 },
  reads: { x: "point" },
  infer(_dims, { axis, begin, end }, { x }) {
    require(axis >= 0 && axis < x.length, () => `axis ${axis} is outside rank ${x.length}`);
    require(0 <= begin && begin < end && end <= x[axis], () => `[${begin}, ${end}) is not within 0 … ${x[axis]}`);
    const inner = product(x.slice(axis + 1));
    return {
      outer: product(x.slice(0, axis)),
      whole: x[axis] * inner,
      from: begin * inner,
      part: (end - begin) * inner,
    };
  },
  shape: ({ x }, { axis, begin, end }) => x.map((size, d) => (d === axis ? end - begin : size)),
  reference({ x, y }, { outer, whole, from, part }) {
    for (let i = 0; i < outer; i++) y.data.set(x.data.subarray(i * whole + from, i * whole + from + part), i * part);
  },
});
