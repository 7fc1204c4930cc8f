import type { Tensor } from "../../graph/tensor.ts";
import type { F32, Local, V128 } from "../../wasm/asm.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { columnsInTurns, Rows, Writer } from "../../wasm/rows.ts";
import { f32, f32x4, i32, keepLanes, read, sumLanes } from "../../wasm/simd.ts";

const alongLast = ({ shape }: Tensor) => ({ inner: shape.length - 1 });
const rowsOf = (node: Tensor) => Rows.of(node.shape, [node.inputs.x.shape], alongLast(node));

/** Sums side by side: an addition takes about as many cycles. */
const chains = 4;

/** Three walks over a row: mean, variance about it (and what rounding left in the mean), result. */
export const simd: WasmKernel = {
  name: "layerNorm.simd",
  accepts: () => true,
  items: (node) => rowsOf(node).count,
  ordered: () => 1,
  inPlace: ({ inputs }) => inputs.x,
  emit(emission) {
    const { f, node, dims, operand, begin, end } = emission;
    const writer = new Writer(emission, alongLast(node));
    const rows = rowsOf(node);
    const zero = f32x4.const(0);
    const count = f32.const(dims.e);
    const sums = (name: string) => Array.from({ length: chains }, () => f.let(zero, name));
    const total = (parts: readonly V128[]): F32 => sumLanes(f.let(parts.reduce((a, b) => f32x4.add(a, b))));
    f.range(begin, end, 1, (row) => {
      const put = writer.row(row);
      const [, x] = rows.locate(f, row, [operand("x"), operand("x")]);
      const add = (sum: Local<"v128">, term: V128, lanes: number) =>
        f.set(sum, f32x4.add(sum, keepLanes(term, lanes, zero)));
      const sum = sums("sum");
      columnsInTurns(f, dims.e, chains, (bytes, offset, lanes, k) =>
        add(sum[k], rows.load(1, x, bytes, lanes, offset), lanes),
      );
      const mean = f.let(f32x4.splat(f32.div(total(sum), count)), "mean");
      const [left, squares] = [sums("left"), sums("squares")];
      columnsInTurns(f, dims.e, chains, (bytes, offset, lanes, k) => {
        const d = f.let(f32x4.sub(rows.load(1, x, bytes, lanes, offset), mean));
        add(left[k], d, lanes);
        add(squares[k], f32x4.mul(d, d), lanes);
      });
      const rest = f.let(f32.div(total(left), count), "rest");
      const variance = f32.max(f32.sub(f32.div(total(squares), count), f32.mul(rest, rest)), f32.const(0));
      const deviation = f32.sqrt(f32.add(variance, f32.const(node.attrs.eps as number)));
      const scale = f.let(f32x4.splat(f32.div(f32.const(1), deviation)), "scale");
      const rests = f.let(f32x4.splat(rest));
      columnsInTurns(f, dims.e, chains, (bytes, offset, lanes) => {
        const [weight, bias] = ["weight", "bias"].map((name) => read.v128(i32.add(operand(name), bytes), offset));
        const normed = f32x4.mul(f32x4.sub(f32x4.sub(rows.load(1, x, bytes, lanes, offset), mean), rests), scale);
        put(bytes, f32x4.add(f32x4.mul(normed, weight), bias), lanes, offset);
      });
    });
  },
};

export const ladder: readonly WasmKernel[] = [simd];
