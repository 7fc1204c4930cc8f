import { copyRun, scattered } from "../../wasm/blocks.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { i32 } from "../../wasm/simd.ts";

/** Copies the lines of cells, each from its tile or from the base; an item is a line of a cell. */
export const lines: WasmKernel = {
  name: "scatter.lines",
  accepts: () => true,
  items: (node) => {
    const { h, w, t } = node.op.dims(node);
    return h * Math.ceil(w / t);
  },
  emit(emission) {
    const { f, dims, result, begin, end } = emission;
    const { c, w, t } = dims;
    const across = Math.ceil(w / t);
    f.range(begin, end, 1, (item) => {
      const row = f.let(i32.divU(item, across), "row");
      const column = f.let(i32.mul(i32.remU(item, across), t), "column");
      const from = f.let(scattered(emission, row, column), "from");
      const to = f.let(i32.add(result, i32.mul(i32.add(i32.mul(row, w), column), 4 * c)), "to");
      if (w % t === 0) return copyRun(emission, to, from, t * c);
      f.when(
        i32.leS(column, w - t),
        () => copyRun(emission, to, from, t * c),
        () => copyRun(emission, to, from, (w % t) * c),
      );
    });
  },
};

export const ladder: readonly WasmKernel[] = [lines];
