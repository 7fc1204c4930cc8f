import { sizeOf, type Blocks } from "../ops/gather/op.ts";
import type { Fn, Value } from "./asm.ts";
import type { Emission } from "./kernel.ts";
import { columns, Rows } from "./rows.ts";
import { f32, i32, read } from "./simd.ts";

/** Copies `numbers` numbers. */
export function copyRun({ f }: Emission, to: Value<"i32">, from: Value<"i32">, numbers: number): void {
  const rows = Rows.of([numbers], []);
  columns(f, numbers, (bytes, lanes) => rows.store(f, 0, to, bytes, read.v128(i32.add(from, bytes)), lanes));
}

/** `nearest` of upsample's op.ts, in the same float32 steps. */
export function nearest(f: Fn, i: Value<"i32">, from: number, to: number): Value<"i32"> {
  if (from === to) return i;
  return i32.min(f.let(i32.trunc(f32.mul(f32.fromI32(i), f32.const(from / to)))), from - 1);
}

/**
 * Visits lines [begin, end) of gathered blocks pixel by pixel: where the pixel lies in x, where it goes to in the result,
 * and whether x has it.
 */
export function eachPixel(
  emission: Emission,
  visit: (row: Value<"i32">, column: Value<"i32">, to: Value<"i32">, inside: Value<"i32">) => void,
): void {
  const { f, node, dims, operand, result, begin, end } = emission;
  const [, c, , s] = node.shape;
  const { shift, scale, ...resized } = node.attrs as unknown as Blocks;
  const { height, width } = sizeOf(dims, resized);
  f.range(begin, end, 1, (line) => {
    const place = f.let(i32.add(operand("at"), i32.mul(i32.divU(line, s), 8)));
    const corner = (d: 0 | 1) => i32.divU(i32.add(read.i32(place, 4 * d), shift[d]), scale);
    const row = f.let(i32.add(corner(0), i32.remU(line, s)), "row");
    const first = f.let(corner(1), "first");
    f.range(0, s, 1, (j) => {
      const column = f.let(i32.add(first, j), "column");
      const to = f.let(i32.add(result, i32.mul(i32.add(i32.mul(line, s), j), 4 * c)), "to");
      const inside = f.let(i32.and(i32.ltU(row, height), i32.ltU(column, width)));
      visit(nearest(f, row, dims.h ?? height, height), nearest(f, column, dims.w ?? width, width), to, inside);
    });
  });
}

/** The address of pixel (row, column) of the picture that `scatter` would make. */
export function scattered({ f, dims, operand }: Emission, row: Value<"i32">, column: Value<"i32">): Value<"i32"> {
  const { c, w, t, q } = dims;
  const cell = i32.add(i32.mul(i32.divU(row, t), q), i32.divU(column, t));
  const tile = f.let(read.i32(i32.add(operand("map"), i32.mul(cell, 4))), "tile");
  const inTile = i32.add(i32.mul(i32.add(i32.mul(tile, t), i32.remU(row, t)), t), i32.remU(column, t));
  const inBase = i32.add(i32.mul(row, w), column);
  return i32.select(
    i32.add(operand("base"), i32.mul(inBase, 4 * c)),
    i32.add(operand("tiles"), i32.mul(inTile, 4 * c)),
    i32.ltS(tile, 0),
  );
}
