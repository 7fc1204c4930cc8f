import { copyRun, eachPixel } from "../../wasm/blocks.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { i32 } from "../../wasm/simd.ts";

/** Copies pixels; an item is a line of a block. */
export const lines: WasmKernel = {
  name: "gather.lines",
  accepts: () => true,
  items: ({ shape: [k, , s] }) => k * s,
  ordered: () => 1,
  emit(emission) {
    const { f, dims, operand } = emission;
    const { c, w } = dims;
    eachPixel(emission, (row, column, to, inside) => {
      const from = () => f.let(i32.add(operand("x"), i32.mul(i32.add(i32.mul(row, w), column), 4 * c)));
      f.when(
        inside,
        () => copyRun(emission, to, from(), c),
        () => f.clear(to, 4 * c),
      );
    });
  },
};

export const ladder: readonly WasmKernel[] = [lines];
