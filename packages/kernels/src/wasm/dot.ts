import type { Emission } from "./kernel.ts";
import type { Product } from "./product.ts";
import { columns, Writer, type RowOptions } from "./rows.ts";
import { f32x4, i32, keepLanes, read, sumLanes } from "./simd.ts";

/** Scratch for one row: the addresses of its taps, a picture row of zeros, the result. */
export const dotBytes = ({ taps, depth, columns }: Product, groups: number) =>
  4 * taps + (4 * depth * groups + 16) + (4 * columns + 16);

/**
 * The product with weights as they lie in memory, [columns][taps][depth], computed or not: dot products along the depth.
 * An item is a row. With groups, group g's columns read channels g · depth … of each tap.
 */
export function dot(emission: Emission, product: Product, groups = 1, options: RowOptions = {}): void {
  const { f, operand, scratch, begin, end } = emission;
  const { taps, depth } = product;
  const [x, weight] = [operand("x"), operand("weight")];
  const zeros = f.let(i32.add(scratch, 4 * taps));
  const row = f.let(i32.add(zeros, 4 * depth * groups + 16));
  const perGroup = product.columns / groups;
  const writer = new Writer(emission, options);
  f.clear(zeros, 4 * depth * groups + 16);
  f.range(begin, end, 1, (item) => {
    product.point(f, item, x, zeros, scratch, 4);
    const w = f.let(weight, "w");
    f.range(0, product.columns, 1, (o) => {
      const channel = f.let(i32.mul(i32.divU(o, perGroup), 4 * depth));
      const sum = f.let(f32x4.const(0), "sum");
      f.range(0, taps, 1, (tap) => {
        const from = f.let(i32.add(read.i32(i32.add(scratch, i32.mul(tap, 4))), channel));
        columns(f, depth, (bytes, lanes) => {
          const numbers = product.load?.(from, bytes, lanes) ?? read.v128(i32.add(from, bytes));
          const terms = f32x4.mul(numbers, read.v128(i32.add(w, bytes)));
          f.set(sum, f32x4.add(sum, keepLanes(terms, lanes, f32x4.const(0))));
        });
        f.set(w, i32.add(w, 4 * depth));
      });
      f.store(i32.add(row, i32.mul(o, 4)), sumLanes(sum));
    });
    const put = writer.row(item);
    columns(f, product.columns, (bytes, lanes) => put(bytes, read.v128(i32.add(row, bytes)), lanes));
  });
}
