import type { Tensor } from "../../graph/tensor.ts";
import { physicalStrides } from "../../plan/layout.ts";
import { copyRows } from "../../wasm/copyRows.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { Rows } from "../../wasm/rows.ts";
import { i32 } from "../../wasm/simd.ts";

const rowsOf = ({ shape, inputs }: Tensor) =>
  new Rows(shape, [physicalStrides(shape), physicalStrides(inputs.x.shape)], { merge: true });

/** Copies runs of memory. */
export const copy: WasmKernel = {
  name: "slice.copy",
  accepts: () => true,
  items: (node) => rowsOf(node).items,
  ordered: () => 1,
  emit({ f, node, operand, result, begin, end }) {
    const { axis, begin: first } = node.attrs as { axis: number; begin: number };
    const skipped = 4 * first * physicalStrides(node.inputs.x.shape)[axis];
    copyRows(f, rowsOf(node), result, f.let(i32.add(operand("x"), skipped)), begin, end);
  },
};

export const ladder: readonly WasmKernel[] = [copy];
