import type { Tensor } from "../../graph/tensor.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { exp } from "../../wasm/printExpr.ts";
import { columns, Rows } from "../../wasm/rows.ts";
import { f32, f32x4, keepLanes, maxLanes, sumLanes } from "../../wasm/simd.ts";

const rowsOf = (node: Tensor) => Rows.of(node.shape, [node.inputs.x.shape], { inner: node.shape.length - 1 });

/** Three walks over a row: maximum, exponentials and their sum, quotient. */
export const simd: WasmKernel = {
  name: "softmax.simd",
  accepts: () => true,
  items: (node) => rowsOf(node).count,
  inPlace: ({ inputs }) => inputs.x,
  emit({ f, node, operand, result, begin, end }) {
    const rows = rowsOf(node);
    f.range(begin, end, 1, (row) => {
      const [y, x] = rows.locate(f, row, [result, operand("x")]);
      const largest = f.let(f32x4.const(-Infinity), "largest");
      columns(f, rows.width, (bytes, lanes) => {
        const value = keepLanes(rows.load(1, x, bytes, lanes), lanes, f32x4.const(-Infinity));
        f.set(largest, f32x4.max(largest, value));
      });
      f.set(largest, f32x4.splat(maxLanes(largest)));
      const sum = f.let(f32x4.const(0), "sum");
      columns(f, rows.width, (bytes, lanes) => {
        const power = f.let(exp(f, f32x4.sub(rows.load(1, x, bytes, lanes), largest)));
        rows.store(f, 0, y, bytes, power, lanes);
        f.set(sum, f32x4.add(sum, keepLanes(power, lanes, f32x4.const(0))));
      });
      f.set(sum, f32x4.splat(f32.div(f32.const(1), sumLanes(sum))));
      columns(f, rows.width, (bytes, lanes) =>
        rows.store(f, 0, y, bytes, f32x4.mul(rows.load(0, y, bytes, lanes), sum), lanes),
      );
    });
  },
};

export const ladder: readonly WasmKernel[] = [simd];
