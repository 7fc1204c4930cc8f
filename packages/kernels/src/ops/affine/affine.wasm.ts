import type { Tensor } from "../../graph/tensor.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { columns, Writer } from "../../wasm/rows.ts";
import { f32, f32x4, i32, read } from "../../wasm/simd.ts";

/** Pixels of an item: enough to pay for the channel table. */
const block = 64;
const blocks = (node: Tensor) => Math.ceil((node.shape[2] * node.shape[3]) / block);

/** Spreads the groups' statistics over channels, then walks pixels four channels at a time. */
export const simd: WasmKernel = {
  name: "affine.simd",
  accepts: () => true,
  items: (node) => node.shape[0] * blocks(node),
  ordered: () => 1,
  threadBytes: (node) => 8 * node.shape[1] + 32,
  emit(emission) {
    const { f, node, dims, operand, scratch, begin, end } = emission;
    const { c, g, h, w } = dims;
    const means = scratch;
    const scales = f.let(i32.add(scratch, 4 * c), "scales");
    const [x, stats, weight, bias] = ["x", "stats", "weight", "bias"].map(operand);
    const writer = new Writer(emission);
    f.range(begin, end, 1, (item) => {
      const picture = f.let(i32.divU(item, blocks(node)));
      const own = f.let(i32.add(stats, i32.mul(picture, 8 * g)));
      f.range(0, 4 * c, 4, (bytes) => {
        const group = f.let(i32.add(own, i32.mul(i32.divU(bytes, (4 * c) / g), 8)));
        f.store(i32.add(means, bytes), read.f32(group));
        f.store(i32.add(scales, bytes), f32.mul(read.f32(group, 4), read.f32(i32.add(weight, bytes))));
      });
      const first = f.let(i32.mul(i32.remU(item, blocks(node)), block));
      const last = f.let(i32.min(i32.add(first, block), h * w));
      f.range(first, last, 1, (pixel) => {
        const row = f.let(i32.add(i32.mul(picture, h * w), pixel));
        const from = f.let(i32.add(x, i32.mul(row, 4 * c)));
        const put = writer.row(row);
        columns(f, c, (bytes, lanes) => {
          const [value, mean, scale, offset] = [from, means, scales, bias].map((a) => read.v128(i32.add(a, bytes)));
          put(bytes, f32x4.add(f32x4.mul(f32x4.sub(value, mean), scale), offset), lanes);
        });
      });
    });
  },
};

export const ladder: readonly WasmKernel[] = [simd];
