import { product } from "../../graph/tensor.ts";
import type { Packing } from "../../plan/kernel.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { columns, Writer } from "../../wasm/rows.ts";
import { f32x4, i32, multiplyAdd, read } from "../../wasm/simd.ts";
import { convProduct } from "./product.wasm.ts";

/** A weight [c 1 kh kw] as [kh kw][c]. */
const taps: Packing = {
  name: "taps",
  bytes: (shape) => 4 * product(shape),
  pack(data, [c, ...window], out) {
    const numbers = new Float32Array(out.buffer, out.byteOffset, data.length);
    const size = product(window);
    for (let i = 0; i < data.length; i++) numbers[(i % size) * c + Math.floor(i / size)] = data[i];
  },
};

/** One filter per channel, four channels at a time. An item is a pixel. */
export const depthwise: WasmKernel = {
  name: "conv2d.depthwise",
  accepts(node, { isParam }) {
    const { cg, ci, co } = node.op.dims(node);
    if (!isParam(node.inputs.weight)) return "its weight is computed, not a parameter that could be packed";
    return (cg === 1 && ci === co) || `it has ${cg} channels per group and ${co} output channels for ${ci}`;
  },
  packings: () => ({ weight: taps }),
  items: (node) => convProduct(node).rows,
  ordered: () => 1,
  threadBytes: (node) => 4 * convProduct(node).taps + 4 * node.shape[1] + 16,
  emit(emission) {
    const { f, node, operand, scratch, begin, end } = emission;
    const { taps, point } = convProduct(node);
    const channels = node.shape[1];
    const [x, weight] = [operand("x"), operand("weight")];
    const zeros = f.let(i32.add(scratch, 4 * taps));
    const writer = new Writer(emission);
    f.clear(zeros, 4 * channels + 16);
    f.range(begin, end, 1, (item) => {
      point(f, item, x, zeros, scratch, 4);
      const put = writer.row(item);
      columns(f, channels, (bytes, lanes) => {
        const sum = f.let(f32x4.const(0), "sum");
        const w = f.let(i32.add(weight, bytes), "w");
        f.range(0, taps, 1, (tap) => {
          const from = i32.add(read.i32(i32.add(scratch, i32.mul(tap, 4))), bytes);
          f.set(sum, multiplyAdd(f, read.v128(from), read.v128(w), sum));
          f.set(w, i32.add(w, 4 * channels));
        });
        put(bytes, sum, lanes);
      });
    });
  },
};
