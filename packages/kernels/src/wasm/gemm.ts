import { int, type Fn, type I32, type Local, type V128, type Value } from "./asm.ts";
import type { Emission } from "./kernel.ts";
import { PANEL, panels } from "./panels.ts";
import type { Product } from "./product.ts";
import { Writer } from "./rows.ts";
import { f32x4, i32, multiplyAdd, read, widenHalves } from "./simd.ts";

const even = (n: number) => 2 * Math.ceil(n / 2);
/** Parts of nearly the same size, none larger than `most`. */
const split = (n: number, most: number) => Math.ceil(n / Math.ceil(n / most));

/** Sizes of the blocks: rows that share a panel, and how much of its depth stays in the first-level cache. */
export function blocking({ rows, columns, halves = 1, taps, depth }: Product) {
  const across = Math.ceil(columns / PANEL);
  const itemsOf = (most: number) => Math.ceil(rows / even(split(rows, most))) * across;
  // The more rows share a panel, the less often it comes from memory and is widened; threads want many items.
  const blockRows = even(split(rows, itemsOf(256) < 128 ? 128 : 256));
  const blockDepth = split(depth, 384);
  const sums = 64 * halves * blockRows;
  const panel = 64 * blockDepth;
  const table = 4 * taps * blockRows;
  return {
    blockRows,
    blockDepth,
    across,
    items: Math.ceil(rows / blockRows) * across,
    /** Offsets in the thread's scratch. */
    sums: 0,
    panel: sums,
    table: sums + panel,
    zeros: sums + panel + table,
    threadBytes: sums + panel + table + 4 * depth + 16,
  };
}

/** The result from the sums of all halves, `bytes` into a row. */
type Combine = (sums: readonly V128[], bytes: Value<"i32">) => V128;

/**
 * Matrix product with packed weights. An item is a block of rows times one panel of 16 columns. The tile of 2 rows × 16
 * columns holds its 8 sums in registers, which is as many as V8 keeps there, and walks down the depth without unrolling;
 * between blocks of depth the sums lie in scratch memory, after the last they go from the registers to the result: so its
 * lines come to the cache one after the other, not all at once. f16 panels are widened once per item.
 */
export function gemm(emission: Emission, product: Product, combine: Combine = ([sum]) => sum): void {
  const { f, packings, operand, scratch, blocks, begin, end } = emission;
  const { halves = 1, taps, depth } = product;
  const rows = blocks ? f.let(i32.mul(blocks.given, product.rows / blocks.most), "rows") : product.rows;
  const { blockRows, blockDepth, across, ...offsets } = blocking(product);
  const depths = Math.ceil(depth / blockDepth);
  const passes = halves * taps * depths;
  const allPairs = product.dense && (product.rows / (blocks?.most ?? 1)) % 2 === 0;
  const half = packings.weight === panels.f16;
  const [x, weight] = [operand("x"), operand("weight")];
  const at = (offset: number, name: string) => f.let(i32.add(scratch, offset), name);
  const [sums, table, zeros] = [at(offsets.sums, "sums"), at(offsets.table, "table"), at(offsets.zeros, "zeros")];
  const panel = half ? at(offsets.panel, "panel") : weight;
  const writer = new Writer(emission);
  const tabled = f.let(i32.sub(0, 1), "tabled");
  if (!product.dense) f.clear(zeros, 4 * depth + 16);

  f.range(begin, end, 1, (item) => {
    const block = f.let(i32.divU(item, across), "block");
    const start = i32.mul(block, blockRows);
    const first = f.let(blocks ? i32.min(f.let(start), rows) : start, "first");
    const count = f.let(i32.min(i32.sub(rows, first), blockRows), "count");
    const column = f.let(i32.mul(i32.remU(item, across), PANEL), "column");
    const lastRow = f.let(i32.sub(i32.add(first, count), 1));
    if (!product.dense)
      f.when(i32.ne(tabled, block), () => {
        f.set(tabled, block);
        f.range(0, even(blockRows), 1, (r) => {
          const row = f.let(i32.add(first, r));
          product.point(f, f.let(i32.min(row, lastRow)), x, zeros, f.let(i32.add(table, i32.mul(r, 4))), 4 * blockRows);
        });
      });
    /** Adds part `p` of the product to the sums of all rows. The last part's go on to the result. */
    const pass = (p: Value<"i32">, length: I32, isLast: boolean) => {
      const window = f.let(i32.divU(p, depths));
      const [part, tap] = [f.let(i32.divU(window, taps)), f.let(i32.remU(window, taps))];
      const k = f.let(i32.mul(i32.remU(p, depths), blockDepth), "k");
      // Panel p begins at p · taps · depth · 16 elements, and column = 16 p.
      const firstColumn = i32.add(column, i32.mul(part, product.columns));
      const skipped = i32.add(i32.mul(firstColumn, taps * depth), i32.mul(i32.add(i32.mul(tap, depth), k), PANEL));
      const stored = f.let(i32.add(weight, i32.mul(skipped, half ? 2 : 4)), "stored");
      const from = half ? panel : stored;
      if (half)
        f.range(0, i32.mul(length, 64), 16, (bytes) => {
          const from = i32.add(stored, f.let(i32.divU(bytes, 2)));
          f.store(i32.add(panel, bytes), widenHalves(from));
        });
      const to = f.let(i32.add(from, i32.mul(length, 64)), "to");
      const own = f.let(i32.add(sums, i32.mul(part, 64 * blockRows)), "own");
      f.range(0, count, 2, (r) => {
        const at = (odd: 0 | 1) => {
          if (product.dense) {
            const row = f.let(i32.min(f.let(i32.add(i32.add(first, r), odd)), lastRow));
            return i32.add(x, i32.mul(row, 4 * depth));
          }
          return read.i32(i32.add(table, i32.mul(i32.add(i32.mul(tap, blockRows), r), 4)), 4 * odd);
        };
        const walk = (odd: 0 | 1) => f.let(i32.add(at(odd), i32.mul(k, 4)), "row");
        const row = walk(0);
        // Only a block of an odd number of rows ends in half a tile.
        const next = allPairs ? { row, offset: 4 * depth } : { row: walk(1) };
        const tile = f.let(i32.add(own, i32.mul(r, 64)), "tile");
        if (!isLast) return tileOf16(f, tile, [{ row }, next], from, to);
        tileOf16(f, passes > halves ? tile : undefined, [{ row }, next], from, to, (acc) => {
          const write = (odd: 0 | 1) => {
            const local = f.let(i32.add(r, odd));
            const others = f.let(i32.add(sums, i32.mul(local, 64)));
            writePanel(f, writer.row(f.let(i32.add(first, local))), column, product.columns, (v, bytes) =>
              combine(
                Array.from({ length: halves }, (_, h) =>
                  h < halves - 1 ? read.v128(others, 16 * v + 64 * h * blockRows) : acc[4 * odd + v],
                ),
                bytes,
              ),
            );
          };
          write(0);
          if (allPairs) write(1);
          else f.when(i32.ltS(f.let(i32.add(r, 1)), count), () => write(1));
        });
      });
    };
    if (passes > 1) f.clear(sums, 64 * halves * blockRows);
    f.range(0, passes - 1, 1, (p) => {
      const k = i32.mul(i32.remU(p, depths), blockDepth);
      pass(p, depth % blockDepth ? f.let(i32.min(f.let(i32.sub(depth, k)), blockDepth)) : blockDepth, false);
    });
    pass(int(passes - 1), depth - (depths - 1) * blockDepth, true);
  });
}

/** Sends 16 numbers, four at a time, to a row's columns from `column` on, as far as it has `columns`. */
export function writePanel(
  f: Fn,
  put: ReturnType<Writer["row"]>,
  column: Value<"i32">,
  columns: number,
  four: (v: number, bytes: Value<"i32">) => V128,
): void {
  for (let v = 0; v < 4; v++) {
    const before = f.let(i32.add(column, 4 * v));
    const store = (lanes: number) => {
      const bytes = f.let(i32.mul(before, 4));
      put(bytes, four(v, bytes), lanes);
    };
    if (columns % PANEL === 0) store(4);
    else {
      const rest = columns % 4;
      f.when(
        i32.leS(before, columns - 4),
        () => store(4),
        () => rest && f.when(i32.ltS(before, columns), () => store(rest)),
      );
    }
  }
}

/** A row of the left matrix: a walking pointer, and how far from it the row lies. */
export interface WalkedRow {
  readonly row: Local<"i32">;
  readonly offset?: number;
}

/**
 * Adds rows · panel to the sums of 16 columns of one or two rows at `tile`, or to 0, reading the panel from `from` up to
 * `to`. `finish` gets the sums; they go back to `tile` if it is not given. Rows that lie a fixed step apart should share a
 * pointer: the loop is as fast as it has few instructions.
 */
export function tileOf16(
  f: Fn,
  tile: Value<"i32"> | undefined,
  rows: readonly WalkedRow[],
  from: Value<"i32">,
  to: Value<"i32">,
  finish: (sums: readonly V128[]) => void = (sums) => sums.forEach((sum, i) => f.store(tile!, sum, 16 * i)),
): void {
  const acc = Array.from({ length: 4 * rows.length }, (_, i) =>
    f.let(tile ? read.v128(tile, 16 * i) : f32x4.const(0), "acc"),
  );
  const b = f.let(from, "b");
  const steps = { relaxed: f.relaxedProducts };
  f.loop(() => {
    const numbers = rows.map(({ row, offset }) => f.let(read.splat(row, offset), "a"));
    for (let v = 0; v < 4; v++) {
      const column: V128 = f.let(read.v128(b, 16 * v), "col");
      numbers.forEach((a, r) => f.set(acc[4 * r + v], multiplyAdd(steps, a, column, acc[4 * r + v])));
    }
    for (const row of new Set(rows.map(({ row }) => row))) f.set(row, i32.add(row, 4));
    f.set(b, i32.add(b, 64));
    return i32.ne(b, to);
  });
  finish(acc);
}
