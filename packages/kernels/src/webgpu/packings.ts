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

/** The next multiple. */
export const multiple = (n: number, of: number) => of * Math.ceil(n / of);
const matrix = (shape: Shape) => {
  const [co, cg, kh = 1, kw = 1] = shape;
  return { co, cg, taps: kh * kw };
};

/**
 * The matrix that tiles of x are multiplied by: one row per tap and input channel, one column per output. It lies in
 * panels of `width` columns, one behind the other; the last is padded with zeros, and so is each tap's depth to a
 * multiple of `step`. Takes a linear layer's [o k] and a convolution's [co cg kh kw].
 */
const matrixPacking = (
  name: string,
  storage: WeightDtype,
  widthOf: (columns: number) => number,
  step: number,
): WgslPacking => ({
  name: storage === "f32" ? name : `${name}.f16`,
  storage,
  dense: false,
  bytes(shape) {
    const { co, cg, taps } = matrix(shape);
    return bytesOf(multiple(co, widthOf(co)) * multiple(cg, step) * taps, storage);
  },
  pack(data, shape, out) {
    const { co, cg, taps } = matrix(shape);
    const [width, depth] = [widthOf(co), multiple(cg, step)];
    const packed = new Float32Array(multiple(co, width) * depth * taps);
    for (let o = 0; o < co; o++) {
      const panel = Math.floor(o / width) * taps * depth * width + (o % width);
      for (let c = 0; c < cg; c++)
        for (let tap = 0; tap < taps; tap++)
          packed[panel + (tap * depth + c) * width] = data[(o * cg + c) * taps + tap];
    }
    store(packed, storage, out);
  },
});

/** All columns in one panel, padded to a multiple of 4. */
export const columns = (storage: WeightDtype): WgslPacking =>
  matrixPacking("columns", storage, (co) => multiple(co, 4), 1);

/** Panels as wide as a subgroup reads at once, 4 columns a lane; the depth is padded to its lanes. */
export const panels = (storage: WeightDtype, lanes: number): WgslPacking =>
  matrixPacking(`panels${4 * lanes}`, storage, () => 4 * lanes, lanes);
