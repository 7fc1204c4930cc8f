import { nearest } from "../../wasm/blocks.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { columns, Rows } from "../../wasm/rows.ts";
import { i32, read } from "../../wasm/simd.ts";

/** Copies pixels; an item is a pixel. */
export const copy: WasmKernel = {
  name: "upsample.copy",
  accepts: () => true,
  items: ({ shape: [n, , ho, wo] }) => n * ho * wo,
  emit({ f, node, dims, operand, result, begin, end }) {
    const { c, h, w, ho, wo } = dims;
    const rows = Rows.of(node.shape, []);
    f.range(begin, end, 1, (pixel) => {
      const line = f.let(i32.divU(pixel, wo));
      const i = nearest(f, f.let(i32.remU(line, ho)), h, ho);
      const j = nearest(f, f.let(i32.remU(pixel, wo)), w, wo);
      const source = i32.add(i32.mul(i32.add(i32.mul(i32.divU(line, ho), h), i), w), j);
      const x = f.let(i32.add(operand("x"), i32.mul(source, 4 * c)));
      const y = f.let(i32.add(result, i32.mul(pixel, 4 * c)));
      columns(f, c, (bytes, lanes) => rows.store(f, 0, y, bytes, read.v128(i32.add(x, bytes)), lanes));
    });
  },
};

export const ladder: readonly WasmKernel[] = [copy];
