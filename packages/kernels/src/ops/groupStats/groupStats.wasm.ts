import type { Tensor } from "../../graph/tensor.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { f32, f64, f64x2, i32, read, v128 } from "../../wasm/simd.ts";

/** Pixels that stay in the first-level cache while their channels are summed. */
const block = 256;

/** Adjacent groups that one item sums: whole groups, about a cache line of channels. */
function split(node: Tensor) {
  const { c, g, n, h, w } = node.op.dims(node);
  const size = c / g;
  let together = 1;
  while (together < g && (together * size < 16 || g % together)) together++;
  return {
    c,
    g,
    n,
    pixels: h * w,
    size,
    together,
    perPicture: g / together,
    vectors: Math.ceil((together * size) / 4),
  };
}

/** Sums and sums of squares in float64 by channel, then by group: exact enough for means far above the deviation. */
export const float64: WasmKernel = {
  name: "groupStats.float64",
  accepts: () => true,
  items: (node) => split(node).n * split(node).perPicture,
  threadBytes: (node) => 64 * split(node).vectors,
  emit({ f, node, operand, result, scratch, begin, end }) {
    const { c, g, pixels, size, together, perPicture, vectors } = split(node);
    f.range(begin, end, 1, (item) => {
      const picture = f.let(i32.divU(item, perPicture));
      const group = f.let(i32.mul(i32.remU(item, perPicture), together), "group");
      const first = i32.add(i32.mul(picture, pixels * c), i32.mul(group, size));
      const x = f.let(i32.add(operand("x"), i32.mul(first, 4)), "x");
      f.clear(scratch, 64 * vectors);
      f.range(0, pixels, block, (p) => {
        const count = f.let(i32.min(i32.sub(pixels, p), block));
        const last = f.let(i32.mul(count, 4 * c));
        f.range(0, vectors, 1, (v) => {
          const own = f.let(i32.add(scratch, i32.mul(v, 64)));
          const sums = [0, 16, 32, 48].map((offset) => f.let(read.v128(own, offset), "sum"));
          const from = f.let(i32.add(i32.add(x, i32.mul(p, 4 * c)), i32.mul(v, 16)));
          const to = f.let(i32.add(from, last));
          f.loop(() => {
            const value = f.let(read.v128(from));
            const halves = [value, v128.shuffle(value, value, [2, 3, 2, 3])].map((half) => f.let(f64x2.low(half)));
            halves.forEach((half, k) => {
              f.set(sums[k], f64x2.add(sums[k], half));
              f.set(sums[k + 2], f64x2.add(sums[k + 2], f64x2.mul(half, half)));
            });
            f.set(from, i32.add(from, 4 * c));
            return i32.ne(from, to);
          });
          sums.forEach((sum, k) => f.store(own, sum, 16 * k));
        });
      });
      f.range(0, together, 1, (k) => {
        const [sum, squares] = [f.let(f64.const(0), "sum"), f.let(f64.const(0), "squares")];
        f.range(0, size, 1, (j) => {
          const channel = f.let(i32.add(i32.mul(k, size), j));
          const own = f.let(
            i32.add(scratch, i32.add(i32.mul(i32.divU(channel, 4), 64), i32.mul(i32.remU(channel, 4), 8))),
          );
          f.set(sum, f64.add(sum, read.f64(own)));
          f.set(squares, f64.add(squares, read.f64(own, 32)));
        });
        const mean = f.let(f64.div(sum, f64.const(size * pixels)), "mean");
        const variance = f64.sub(f64.div(squares, f64.const(size * pixels)), f64.mul(mean, mean));
        const deviation = f64.sqrt(f64.add(f64.max(variance, f64.const(0)), f64.const(node.attrs.eps as number)));
        const to = f.let(i32.add(result, i32.mul(i32.add(i32.mul(picture, g), i32.add(group, k)), 8)));
        f.store(to, f32.fromF64(mean));
        f.store(to, f32.fromF64(f64.div(f64.const(1), deviation)), 4);
      });
    });
  },
};

export const ladder: readonly WasmKernel[] = [float64];
