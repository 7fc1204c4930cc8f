import type { Expr } from "../../graph/expr.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { physicalStrides } from "../../plan/layout.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { printExpr } from "../../wasm/printExpr.ts";
import { columnsInTurns, Rows } from "../../wasm/rows.ts";
import { i32, read } from "../../wasm/simd.ts";

const rowsOf = ({ shape, inputs: { x } }: Tensor) =>
  new Rows(shape, [physicalStrides(shape), physicalStrides(x.shape)], { inner: shape.length - 1 });

/**
 * Four vectors at a time, from both halves of a row. Two streams that end with each row are too short for processors to
 * read ahead of; so the row after is brought into the cache meanwhile, from front to back, which makes all rows one stream.
 */
export const simd: WasmKernel = {
  name: "gated.simd",
  accepts: () => true,
  items: (node) => rowsOf(node).items,
  ordered: () => 1,
  emit({ f, node, dims, operand, result, begin, end }) {
    const rows = rowsOf(node);
    // Rows that are items, one after the other.
    const inRows = rows.isDense(1) && rows.items === rows.count;
    const apart = 4 * dims.o * physicalStrides(node.inputs.x.shape).at(-1)!;
    f.range(begin, end, 1, (item) => {
      const { row, from, to } = rows.part(f, item);
      const [y, first] = rows.locate(f, row, [result, operand("x")]);
      const second = f.let(i32.add(first, apart), "second");
      const next = f.let(i32.add(first, i32.select(2 * apart, 0, i32.ltS(i32.add(item, 1), end))), "next");
      columnsInTurns(
        f,
        rows.width,
        4,
        (bytes, offset, lanes) => {
          if (inRows && lanes === 4) f.drop(read.i32(i32.add(next, i32.mul(bytes, 2)), 2 * offset));
          const halves = [first, second].map((half) => f.let(rows.load(1, half, bytes, lanes, offset)));
          rows.store(f, 0, y, bytes, printExpr(f, node.attrs.expr as Expr, halves), lanes, offset);
        },
        from,
        to,
      );
    });
  },
};

export const ladder: readonly WasmKernel[] = [simd];
