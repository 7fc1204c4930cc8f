import { copyRun, eachPixel, scattered } from "../../wasm/blocks.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";

/** Copies pixels, each from its tile or from the base; an item is a line of a block. */
export const lines: WasmKernel = {
  name: "scatterGather.lines",
  accepts: () => true,
  items: ({ shape: [k, , s] }) => k * s,
  ordered: () => 1,
  emit(emission) {
    const { f, dims } = emission;
    const { c } = dims;
    eachPixel(emission, (row, column, to, inside) =>
      f.when(
        inside,
        () => copyRun(emission, to, f.let(scattered(emission, row, column)), c),
        () => f.clear(to, 4 * c),
      ),
    );
  },
};

export const ladder: readonly WasmKernel[] = [lines];
