import type { Tensor } from "../../graph/tensor.ts";
import type { WasmCaps, WasmKernel } from "../../wasm/kernel.ts";
import { columnsInTurns, Writer } from "../../wasm/rows.ts";
import { f32, i32, multiplyAdd, read } from "../../wasm/simd.ts";

/** How many pixels an item has, enough to pay for the channel table, and how many such blocks a picture has. */
function split({ shape: [n, , h, w] }: Tensor, { threads }: WasmCaps) {
  const block = Math.min(256, Math.max(16, Math.ceil((n * h * w) / (8 * threads))));
  return { block, blocks: Math.ceil((h * w) / block) };
}

/** x · scale + offset: both tables by channel are made from the groups' statistics for each block of pixels. */
export const simd: WasmKernel = {
  name: "affine.simd",
  accepts: () => true,
  items: (node, caps) => node.shape[0] * split(node, caps).blocks,
  ordered: () => 1,
  inPlace: ({ inputs }) => inputs.x,
  threadBytes: (node) => 8 * node.shape[1] + 16,
  emit(emission) {
    const { f, node, dims, caps, operand, scratch, begin, end } = emission;
    const { c, g, h, w } = dims;
    const { block, blocks } = split(node, caps);
    const [x, stats, weight, bias] = ["x", "stats", "weight", "bias"].map(operand);
    const writer = new Writer(emission);
    f.range(begin, end, 1, (item) => {
      const picture = f.let(i32.divU(item, blocks));
      const own = f.let(i32.add(stats, i32.mul(picture, 8 * g)));
      f.range(0, 4 * c, 4, (bytes) => {
        const group = f.let(i32.add(own, i32.mul(i32.divU(bytes, (4 * c) / g), 8)));
        const scale = f.let(f32.mul(read.f32(group, 4), read.f32(i32.add(weight, bytes))));
        const entry = f.let(i32.add(scratch, bytes));
        f.store(entry, scale);
        f.store(entry, f32.sub(read.f32(i32.add(bias, bytes)), f32.mul(read.f32(group), scale)), 4 * c);
      });
      const first = f.let(i32.mul(i32.remU(item, blocks), block));
      const last = f.let(i32.min(i32.add(first, block), h * w));
      f.range(first, last, 1, (pixel) => {
        const row = f.let(i32.add(i32.mul(picture, h * w), pixel));
        const from = f.let(i32.add(x, i32.mul(row, 4 * c)));
        const put = writer.row(row);
        columnsInTurns(f, c, 4, (bytes, offset, lanes) => {
          const entry = i32.add(scratch, bytes);
          const [value, scale] = [read.v128(i32.add(from, bytes), offset), read.v128(entry, offset)];
          put(bytes, multiplyAdd(f, value, scale, read.v128(entry, 4 * c + offset)), lanes, offset);
        });
      });
    });
  },
};

export const ladder: readonly WasmKernel[] = [simd];
