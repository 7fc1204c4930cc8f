import type { Fn, I32, Value } from "./asm.ts";
import { columns, type Rows } from "./rows.ts";

/** Copies items [begin, end) of tensor 1 to tensor 0. */
export function copyRows(f: Fn, rows: Rows, to: Value<"i32">, from: Value<"i32">, begin: I32, end: I32): void {
  f.range(begin, end, 1, (item) => {
    const part = rows.part(f, item);
    const [y, x] = rows.locate(f, part.row, [to, from]);
    columns(
      f,
      rows.width,
      (bytes, lanes) => rows.store(f, 0, y, bytes, rows.load(1, x, bytes, lanes), lanes),
      part.from,
      part.to,
    );
  });
}
