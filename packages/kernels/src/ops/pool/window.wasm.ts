import type { WasmKernel } from "../../wasm/kernel.ts";
import { columns, Rows } from "../../wasm/rows.ts";
import { f32, f32x4, i32, read } from "../../wasm/simd.ts";
import type { Value } from "../../wasm/asm.ts";

/** Four channels at a time; an item is a pixel of the result. */
export const window: WasmKernel = {
  name: "pool.window",
  accepts: () => true,
  items: ({ shape: [n, , ho, wo] }) => n * ho * wo,
  emit({ f, node, dims, operand, result, begin, end }) {
    const { c, h, w, ho, wo } = dims;
    const { kind, size, stride, pad } = node.attrs as {
      kind: "mean" | "max";
      size: number;
      stride: number;
      pad: number;
    };
    const rows = Rows.of(node.shape, []);
    /** The part of a window of output `i` that lies within 0 … `extent`. */
    const inside = (i: Value<"i32">, extent: number) => {
      const first = f.let(i32.sub(i32.mul(i, stride), pad));
      const end = f.let(i32.add(first, size));
      return { from: f.let(i32.select(0, first, i32.ltS(first, 0))), to: f.let(i32.min(end, extent)) };
    };
    f.range(begin, end, 1, (pixel) => {
      const line = f.let(i32.divU(pixel, wo));
      const r = inside(f.let(i32.remU(line, ho)), h);
      const s = inside(f.let(i32.remU(pixel, wo)), w);
      const picture = f.let(i32.add(operand("x"), i32.mul(i32.divU(line, ho), 4 * c * w * h)));
      const y = f.let(i32.add(result, i32.mul(pixel, 4 * c)));
      const count = i32.mul(i32.sub(r.to, r.from), i32.sub(s.to, s.from));
      const share = f.let(f32x4.splat(f32.div(f32.const(1), f32.fromI32(count))), "share");
      columns(f, c, (bytes, lanes) => {
        const own = f.let(i32.add(picture, bytes));
        const at = (row: Value<"i32">, column: Value<"i32">) =>
          read.v128(i32.add(own, i32.mul(i32.add(i32.mul(row, w), column), 4 * c)));
        const value = f.let(kind === "mean" ? f32x4.const(0) : at(r.from, s.from), "value");
        f.range(r.from, r.to, 1, (row) =>
          f.range(s.from, s.to, 1, (column) =>
            f.set(value, kind === "mean" ? f32x4.add(value, at(row, column)) : f32x4.max(value, at(row, column))),
          ),
        );
        rows.store(f, 0, y, bytes, kind === "mean" ? f32x4.mul(value, share) : value, lanes);
      });
    });
  },
};

export const ladder: readonly WasmKernel[] = [window];
