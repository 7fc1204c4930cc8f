import type { Tensor } from "../../graph/tensor.ts";
import type { Product } from "../../wasm/product.ts";
import { i32 } from "../../wasm/simd.ts";

/** A convolution as a matrix product over pixels, whose left rows are gathered by address: nothing is copied. */
export function convProduct(node: Tensor): Product {
  const { n, ci, cg, co, h, w, ho, wo, kh, kw } = node.op.dims(node);
  const { stride, pad, dilation } = node.attrs as { stride: number; pad: readonly number[]; dilation: number };
  return {
    rows: n * ho * wo,
    columns: co,
    taps: kh * kw,
    depth: cg,
    dense: kh * kw === 1 && stride === 1 && ci === cg && pad.every((p) => p === 0),
    point(f, row, x, zeros, address, step) {
      const line = f.let(i32.divU(row, wo));
      const [left, top] = [
        f.let(i32.sub(i32.mul(i32.remU(row, wo), stride), pad[1])),
        f.let(i32.sub(i32.mul(i32.remU(line, ho), stride), pad[0])),
      ];
      const picture = f.let(i32.mul(i32.divU(line, ho), h));
      const to = f.let(address);
      f.range(0, kh, 1, (r) => {
        const i = f.let(i32.add(top, i32.mul(r, dilation)));
        f.range(0, kw, 1, (s) => {
          const j = f.let(i32.add(left, i32.mul(s, dilation)));
          const pixel = i32.add(i32.mul(i32.add(picture, i), w), j);
          const inside = i32.and(i32.ltU(i, h), i32.ltU(j, w));
          f.store(to, i32.select(i32.add(x, i32.mul(pixel, 4 * ci)), zeros, inside));
          f.set(to, i32.add(to, step));
        });
      });
    },
  };
}
