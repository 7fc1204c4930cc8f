import type { Expr } from "../../graph/expr.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { printExpr } from "../../wasm/printExpr.ts";
import { columnsInTurns, Rows } from "../../wasm/rows.ts";

const rowsOf = (node: Tensor) =>
  Rows.of(
    node.shape,
    Object.values(node.inputs).map((t) => t.shape),
    { merge: true },
  );

/** Four vectors at a time. */
export const simd: WasmKernel = {
  name: "pointwise.simd",
  accepts: () => true,
  items: (node) => rowsOf(node).items,
  ordered: () => 1,
  inPlace: ({ shape, inputs }) => Object.values(inputs).find((t) => t.shape.join() === shape.join()),
  emit({ f, node, operand, result, begin, end }) {
    const rows = rowsOf(node);
    const bases = [result, ...Object.keys(node.inputs).map(operand)];
    f.range(begin, end, 1, (item) => {
      const { row, from, to } = rows.part(f, item);
      const [y, ...operands] = rows.locate(f, row, bases);
      const constants = operands.map((a, k) => (rows.isConstant(k + 1) ? f.let(rows.load(k + 1, a, 0)) : undefined));
      columnsInTurns(
        f,
        rows.width,
        4,
        (bytes, offset, lanes) => {
          const values = operands.map((a, k) => constants[k] ?? f.let(rows.load(k + 1, a, bytes, lanes, offset)));
          rows.store(f, 0, y, bytes, printExpr(f, node.attrs.expr as Expr, values), lanes, offset);
        },
        from,
        to,
      );
    });
  },
};

export const ladder: readonly WasmKernel[] = [simd];
