import type { Tensor } from "../../graph/tensor.ts";
import { int, type V128, type Value } from "../../wasm/asm.ts";
import type { WasmCaps, WasmKernel } from "../../wasm/kernel.ts";
import { f32, f32x4, f64, f64x2, i32, multiplyAdd, read, v128 } from "../../wasm/simd.ts";

/** Pixels that are summed in f32, as differences from the first of them. */
const block = 64;
/** Vectors side by side in a walk over those pixels: more do not stay in registers with their first pixel and both sums. */
const abreast = 2;

/** Adjacent groups that one item sums: as many as leave work for all threads, and at least a cache line. */
function split(node: Tensor, { threads }: WasmCaps) {
  const { c, g, n, h, w } = node.op.dims(node);
  const size = c / g;
  const wide = (groups: number) => groups * size >= 16 && (n * g) / groups <= 2 * threads;
  let together = 1;
  while (together < g && (g % together || !wide(together))) together++;
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

/**
 * One pass. Sums and sums of squares by channel, in f32 over a few pixels as they differ from the first (shifted data, Chan
 * et al. 1983), joined in float64: exact enough for means far above the deviation.
 */
export const blocks: WasmKernel = {
  name: "groupStats.blocks",
  accepts: () => true,
  items: (node, caps) => split(node, caps).n * split(node, caps).perPicture,
  threadBytes: (node, caps) => 64 * split(node, caps).vectors,
  emit({ f, node, caps, operand, result, scratch, begin, end }) {
    const { c, g, pixels, size, together, perPicture, vectors } = split(node, caps);
    f.range(begin, end, 1, (item) => {
      const picture = f.let(i32.divU(item, perPicture));
      const group = f.let(i32.mul(i32.remU(item, perPicture), together), "group");
      const first = i32.add(i32.mul(picture, pixels * c), i32.mul(group, size));
      const x = f.let(i32.add(operand("x"), i32.mul(first, 4)), "x");
      f.clear(scratch, 64 * vectors);
      f.range(0, pixels, block, (p) => {
        const count = pixels % block ? f.let(i32.min(i32.sub(pixels, p), block)) : int(Math.min(pixels, block));
        const counts = f.let(f64x2.splat(f64.fromI32(count)));
        const picked = f.let(i32.add(x, i32.mul(p, 4 * c)));
        const bytes = f.let(i32.mul(count, 4 * c));
        const part = (v: Value<"i32">, width: number) => {
          const at = f.let(i32.add(picked, i32.mul(v, 16)));
          const to = f.let(i32.add(at, bytes));
          const chains = Array.from({ length: width }, (_, k) => ({
            pivot: f.let(read.v128(at, 16 * k), "pivot"),
            sum: f.let(f32x4.const(0), "sum"),
            squares: f.let(f32x4.const(0), "squares"),
          }));
          f.loop(() => {
            chains.forEach(({ pivot, sum, squares }, k) => {
              const d = f.let(f32x4.sub(read.v128(at, 16 * k), pivot));
              f.set(sum, f32x4.add(sum, d));
              f.set(squares, multiplyAdd(f, d, d, squares));
            });
            f.set(at, i32.add(at, 4 * c));
            return i32.ne(at, to);
          });
          const own = f.let(i32.add(scratch, i32.mul(v, 64)));
          chains.forEach((chain, k) => {
            for (const half of [0, 1]) {
              const wide = (four: V128) => f.let(f64x2.low(half ? v128.shuffle(four, four, [2, 3, 2, 3]) : four));
              const [pivot, sum, squares] = [chain.pivot, chain.sum, chain.squares].map(wide);
              const whole = f.let(f64x2.add(sum, f64x2.mul(pivot, counts)));
              const add = (offset: number, term: V128) => f.store(own, f64x2.add(read.v128(own, offset), term), offset);
              add(64 * k + 16 * half, whole);
              // Σ x² = Σ (x − p)² + p (Σ (x − p) + Σ x)
              add(64 * k + 16 * half + 32, f64x2.add(squares, f64x2.mul(pivot, f64x2.add(sum, whole))));
            }
          });
        };
        f.range(0, vectors - (vectors % abreast), abreast, (v) => part(v, abreast));
        if (vectors % abreast) part(int(vectors - (vectors % abreast)), vectors % abreast);
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

export const ladder: readonly WasmKernel[] = [blocks];
