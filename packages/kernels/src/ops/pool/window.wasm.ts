import type { WasmKernel } from "../../wasm/kernel.ts";
import { columns, Rows } from "../../wasm/rows.ts";
import { f32x4, i32, read } from "../../wasm/simd.ts";

/** Four channels at a time; an item is a pixel of the result. */
export const window: WasmKernel = {
  name: "pool.window",
  accepts: () => true,
  items: ({ shape: [n, , ho, wo] }) => n * ho * wo,
  emit({ f, node, dims, operand, result, begin, end }) {
    const { c, h, w, ho, wo } = dims;
    const { kind, size, stride } = node.attrs as { kind: "mean" | "max"; size: number; stride: number };
    const rows = Rows.of(node.shape, []);
    f.range(begin, end, 1, (pixel) => {
      const line = f.let(i32.divU(pixel, wo));
      const top = i32.add(i32.mul(i32.divU(line, ho), h), i32.mul(i32.remU(line, ho), stride));
      const corner = i32.add(i32.mul(top, w), i32.mul(i32.remU(pixel, wo), stride));
      const x = f.let(i32.add(operand("x"), i32.mul(corner, 4 * c)));
      const y = f.let(i32.add(result, i32.mul(pixel, 4 * c)));
      columns(f, c, (bytes, lanes) => {
        const first = f.let(i32.add(x, bytes));
        const value = f.let(kind === "mean" ? f32x4.const(0) : read.v128(first), "value");
        f.range(0, 4 * c * w * size, 4 * c * w, (row) =>
          f.range(0, 4 * c * size, 4 * c, (column) => {
            const next = read.v128(i32.add(i32.add(first, row), column));
            f.set(value, kind === "mean" ? f32x4.add(value, next) : f32x4.max(value, next));
          }),
        );
        rows.store(f, 0, y, bytes, kind === "mean" ? f32x4.mul(value, f32x4.const(1 / size ** 2)) : value, lanes);
      });
    });
  },
};

export const ladder: readonly WasmKernel[] = [window];
