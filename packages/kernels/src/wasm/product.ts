import type { Fn, I32, V128, Value } from "./asm.ts";

/**
 * A matrix product whose left rows are gathered: result row m is Σ over taps and channels of the numbers at
 * `pointers(…)` times the weight's. A linear layer has one tap; a convolution has one for each place in its window.
 */
export interface Product {
  /** Rows of the result: tokens, or pixels. */
  readonly rows: number;
  /** Output channels. */
  readonly columns: number;
  /** How many times `columns` rows the weight has; their sums meet in the result. 1 if not given. */
  readonly halves?: number;
  readonly taps: number;
  /** Input channels of one tap. */
  readonly depth: number;
  /** The row is a run of memory: `x + row * depth`. */
  readonly dense: boolean;
  /** Numbers of a row that begins at `from`, where they are not next to each other. */
  load?(from: Value<"i32">, bytes: I32, lanes: number): V128;
  /** Writes the addresses of all taps of `row` (a window outside the picture is at `zeros`) to `address + tap * step`. */
  point(f: Fn, row: Value<"i32">, x: Value<"i32">, zeros: Value<"i32">, address: Value<"i32">, step: I32): void;
}
