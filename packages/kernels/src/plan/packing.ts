import { product } from "../graph/tensor.ts";
import type { Packing } from "./kernel.ts";
import { toPhysical } from "./layout.ts";

/** f32 in device order: what biases, norms and anything without a packing of its own use. */
export const dense: Packing = {
  name: "dense",
  bytes: (shape) => 4 * product(shape),
  pack: (data, shape, out) => new Float32Array(out.buffer, out.byteOffset, data.length).set(toPhysical(data, shape)),
};
