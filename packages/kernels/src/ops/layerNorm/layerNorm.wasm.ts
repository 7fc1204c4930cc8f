import type { Tensor } from "../../graph/tensor.ts";
import type { Local, V128 } from "../../wasm/asm.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { columns, Rows, Writer } from "../../wasm/rows.ts";
import { f32, f32x4, i32, keepLanes, read, sumLanes } from "../../wasm/simd.ts";

const alongLast = ({ shape }: Tensor) => ({ inner: shape.length - 1 });
const rowsOf = (node: Tensor) => Rows.of(node.shape, [node.inputs.x.shape], alongLast(node));

/** Three walks over a row: mean, variance about it (and what rounding left in the mean), result. */
export const simd: WasmKernel = {
  name: "layerNorm.simd",
  accepts: () => true,
  items: (node) => rowsOf(node).count,
  ordered: () => 1,
  emit(emission) {
    const { f, node, dims, operand, begin, end } = emission;
    const writer = new Writer(emission, alongLast(node));
    const rows = rowsOf(node);
    const zero = f32x4.const(0);
    const count = f32.const(dims.e);
    f.range(begin, end, 1, (row) => {
      const put = writer.row(row);
      const [, x] = rows.locate(f, row, [operand("x"), operand("x")]);
      const add = (sum: Local<"v128">, term: V128, lanes: number) =>
        f.set(sum, f32x4.add(sum, keepLanes(term, lanes, zero)));
      const sum = f.let(zero, "sum");
      columns(f, dims.e, (bytes, lanes) => add(sum, rows.load(1, x, bytes, lanes), lanes));
      const mean = f.let(f32x4.splat(f32.div(sumLanes(sum), count)), "mean");
      const [left, squares] = [f.let(zero, "left"), f.let(zero, "squares")];
      columns(f, dims.e, (bytes, lanes) => {
        const d = f.let(f32x4.sub(rows.load(1, x, bytes, lanes), mean));
        add(left, d, lanes);
        add(squares, f.let(f32x4.mul(d, d)), lanes);
      });
      const rest = f.let(f32.div(sumLanes(left), count), "rest");
      const variance = f32.max(f32.sub(f32.div(sumLanes(squares), count), f32.mul(rest, rest)), f32.const(0));
      const deviation = f32.sqrt(f32.add(variance, f32.const(node.attrs.eps as number)));
      const scale = f.let(f32x4.splat(f32.div(f32.const(1), deviation)), "scale");
      const offset = f.let(f32x4.splat(rest));
      columns(f, dims.e, (bytes, lanes) => {
        const normed = f32x4.mul(f32x4.sub(f32x4.sub(rows.load(1, x, bytes, lanes), mean), offset), scale);
        const scaled = f32x4.mul(normed, read.v128(i32.add(operand("weight"), bytes)));
        put(bytes, f32x4.add(scaled, read.v128(i32.add(operand("bias"), bytes))), lanes);
      });
    });
  },
};

export const ladder: readonly WasmKernel[] = [simd];
