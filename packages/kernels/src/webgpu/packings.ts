import { toFloat16Bits } from "@tessera/safetensors";
import { product, type Shape } from "../graph/tensor.ts";
import type { Packing, WeightDtype } from "../plan/kernel.ts";
import { toPhysical } from "../plan/layout.ts";

/** A packing that says how its numbers are stored: f16 lies as pairs in 32-bit words. */
export interface WgslPacking extends Packing {
  readonly storage: WeightDtype;
  /** Whether the numbers lie in device order, so that they can be read by logical position. */
  readonly dense: boolean;
}

const bytesOf = (elements: number, storage: WeightDtype) =>
  storage === "f16" ? 4 * Math.ceil(elements / 2) : 4 * elements;

function store(data: Float32Array, storage: WeightDtype, out: Uint8Array<ArrayBuffer>): void {
  if (storage === "f32") new Float32Array(out.buffer, out.byteOffset, data.length).set(data);
  else new Uint16Array(out.buffer, out.byteOffset, data.length).set(toFloat16Bits(data));
}

/** Device order, as f32 or f16. */
export const inOrder = (storage: WeightDtype): WgslPacking => ({
  name: storage === "f32" ? "dense" : "dense.f16",
  storage,
  dense: true,
  bytes: (shape) => bytesOf(product(shape), storage),
  pack: (data, shape, out) => store(toPhysical(data, shape), storage, out),
});

const padded = (columns: number) => 4 * Math.ceil(columns / 4);
const matrix = (shape: Shape) => {
  const [co, cg, kh = 1, kw = 1] = shape;
  return { co, cg, taps: kh * kw };
};

/**
 * The matrix that tiles of x are multiplied by: one row per tap and input channel, one column per output, columns padded
 * to a multiple of 4. Takes a linear layer's [o k] and a convolution's [co cg kh kw].
 */
export const columns = (storage: WeightDtype): WgslPacking => ({
  name: storage === "f32" ? "columns" : "columns.f16",
  storage,
  dense: false,
  bytes(shape) {
    const { co, cg, taps } = matrix(shape);
    return bytesOf(padded(co) * cg * taps, storage);
  },
  pack(data, shape, out) {
    const { co, cg, taps } = matrix(shape);
    const width = padded(co);
    const packed = new Float32Array(width * cg * taps);
    for (let o = 0; o < co; o++)
      for (let c = 0; c < cg; c++)
        for (let tap = 0; tap < taps; tap++) packed[(tap * cg + c) * width + o] = data[(o * cg + c) * taps + tap];
    store(packed, storage, out);
  },
});
