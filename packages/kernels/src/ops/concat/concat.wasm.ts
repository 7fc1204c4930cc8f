import type { Tensor } from "../../graph/tensor.ts";
import { physicalStrides } from "../../plan/layout.ts";
import { copyRows } from "../../wasm/copyRows.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { Rows } from "../../wasm/rows.ts";
import { i32 } from "../../wasm/simd.ts";

const part = (node: Tensor, name: "a" | "b") => {
  const { shape } = node.inputs[name];
  return new Rows(shape, [physicalStrides(node.shape), physicalStrides(shape)], { merge: true });
};

const items = (node: Tensor) => Math.max(part(node, "a").items, part(node, "b").items);

/** Copies runs of memory: an item is one of `a` and one of `b`. */
export const copy: WasmKernel = {
  name: "concat.copy",
  accepts: () => true,
  items,
  ordered: (node) => (physicalStrides(node.shape)[node.attrs.axis as number] === 1 ? 1 : items(node)),
  emit({ f, node, operand, result, begin, end }) {
    const [a, b] = [part(node, "a"), part(node, "b")];
    const axis = node.attrs.axis as number;
    const skipped = 4 * node.inputs.a.shape[axis] * physicalStrides(node.shape)[axis];
    copyRows(f, a, result, operand("a"), begin, f.let(i32.min(end, a.items)));
    copyRows(f, b, f.let(i32.add(result, skipped)), operand("b"), begin, f.let(i32.min(end, b.items)));
  },
};

export const ladder: readonly WasmKernel[] = [copy];
