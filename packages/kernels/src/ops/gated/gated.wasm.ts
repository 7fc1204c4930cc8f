import type { Expr } from "../../graph/expr.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { physicalStrides } from "../../plan/layout.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { printExpr } from "../../wasm/printExpr.ts";
import { columns, Rows } from "../../wasm/rows.ts";
import { i32 } from "../../wasm/simd.ts";

const rowsOf = ({ shape, inputs: { x } }: Tensor) =>
  new Rows(shape, [physicalStrides(shape), physicalStrides(x.shape)], { inner: shape.length - 1 });

/** Four positions at a time, from both halves of a row. */
export const simd: WasmKernel = {
  name: "gated.simd",
  accepts: () => true,
  items: (node) => rowsOf(node).items,
  ordered: () => 1,
  emit({ f, node, dims, operand, result, begin, end }) {
    const rows = rowsOf(node);
    const apart = 4 * dims.o * physicalStrides(node.inputs.x.shape).at(-1)!;
    f.range(begin, end, 1, (item) => {
      const { row, from, to } = rows.part(f, item);
      const [y, first] = rows.locate(f, row, [result, operand("x")]);
      const second = f.let(i32.add(first, apart), "second");
      columns(
        f,
        rows.width,
        (bytes, lanes) => {
          const halves = [first, second].map((half) => f.let(rows.load(1, half, bytes, lanes)));
          rows.store(f, 0, y, bytes, printExpr(f, node.attrs.expr as Expr, halves), lanes);
        },
        from,
        to,
      );
    });
  },
};

export const ladder: readonly WasmKernel[] = [simd];
