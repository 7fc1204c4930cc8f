import { defineOp, require } from "../../graph/defineOp.ts";
import { product } from "../../graph/tensor.ts";

/** Two tensors one after the other along `axis`; all other sizes agree. */
export const concat = defineOp({
  name: "concat",
  signature: "a[..p] b[..q] -> y[..p]",
  attrs: { axis: 1 },
  reads: { a: "point", b: "point" },
  infer(_dims, { axis }, { a, b }) {
    require(axis >= 0 && axis < a.length, () => `axis ${axis} is outside rank ${a.length}`);
    const agree = a.length === b.length && a.every((size, d) => d === axis || size === b[d]);
    require(agree, () => `sizes must agree but along axis ${axis}`);
    const inner = product(a.slice(axis + 1));
    return { outer: product(a.slice(0, axis)), first: a[axis] * inner, second: b[axis] * inner };
  },
  shape: ({ a, b }, { axis }) => a.map((size, d) => (d === axis ? size + b[d] : size)),
  reference({ a, b, y }, { outer, first, second }) {
    for (let i = 0; i < outer; i++) {
      const at = i * (first + second);
      y.data.set(a.data.subarray(i * first, (i + 1) * first), at);
      y.data.set(b.data.subarray(i * second, (i + 1) * second), at + first);
    }
  },
});
