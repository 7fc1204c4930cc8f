import { copyRun, eachPixel } from "../../wasm/blocks.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { i32 } from "../../wasm/simd.ts";

/** Copies pixels; an item is a line of a block. */
export const lines: WasmKernel = {
  name: "inside.lines",
  accepts: () => true,
  items: ({ shape: [k, , s] }) => k * s,
  ordered: () => 1,
  emit(emission) {
    const { f, dims, operand, result } = emission;
    eachPixel(emission, (_row, _column, to, inside) =>
      f.when(
        inside,
        () => copyRun(emission, to, f.let(i32.add(operand("x"), i32.sub(to, result))), dims.c),
        () => f.clear(to, 4 * dims.c),
      ),
    );
  },
};

export const ladder: readonly WasmKernel[] = [lines];
