import { toFloat16Bits } from "@tessera/safetensors";
import { product } from "../../graph/tensor.ts";
import type { Packing } from "../../plan/kernel.ts";
import { physicalStrides } from "../../plan/layout.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { columns, Rows } from "../../wasm/rows.ts";
import { i32, read, widenHalves } from "../../wasm/simd.ts";

/** A table as halves, row-major. */
const halves: Packing = {
  name: "halves",
  bytes: (shape) => 2 * product(shape),
  pack: (data, _shape, out) => new Uint16Array(out.buffer, out.byteOffset, data.length).set(toFloat16Bits(data)),
};

/** Copies rows of the table; an item is an id. An id outside the table stops the run. */
export const copy: WasmKernel = {
  name: "embed.copy",
  accepts: () => true,
  packings: ({ inputs }, { weightDtype, isParam }): Record<string, Packing> =>
    isParam(inputs.table) && weightDtype(inputs.table) === "f16" ? { table: halves } : {},
  items: (node) => node.elements / node.shape.at(-1)!,
  fault: ({ inputs: { table } }, id) =>
    `id ${id} is outside the table's ${table.shape[0]} rows. Check that the token ids come from this model's tokenizer.`,
  emit({ f, node, dims: { e, v }, packings, operand, result, begin, end, fail }) {
    const half = packings.table === halves;
    const strides = [physicalStrides(node.shape), [...physicalStrides(node.inputs.ids.shape), 0]];
    const rows = new Rows(node.shape, strides, { inner: node.shape.length - 1 });
    f.range(begin, end, 1, (item) => {
      const [y, ids] = rows.locate(f, item, [result, operand("ids")]);
      const id = f.let(read.i32(ids), "id");
      f.when(i32.geU(id, v), () => fail(id));
      const from = f.let(i32.add(operand("table"), i32.mul(id, (half ? 2 : 4) * e)));
      columns(f, e, (bytes, lanes) => {
        const value = half ? widenHalves(i32.add(from, i32.divU(bytes, 2))) : read.v128(i32.add(from, bytes));
        rows.store(f, 0, y, bytes, value, lanes);
      });
    });
  },
};

export const ladder: readonly WasmKernel[] = [copy];
