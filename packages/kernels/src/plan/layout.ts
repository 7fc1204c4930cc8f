import { product, type Shape } from "../graph/tensor.ts";

/**
 * How devices store tensors: pictures [n c h w] with channels last, all else row-major. Then a pixel's channels are
 * contiguous, which is what convolutions read, and a picture is a token sequence without moving a byte.
 */
export function physicalOrder(rank: number): readonly number[] {
  return rank === 4 ? [0, 2, 3, 1] : [...Array(rank).keys()];
}

/** For each logical dimension, the distance in elements between neighbours on the device. */
export function physicalStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (const d of physicalOrder(shape.length).toReversed()) {
    strides[d] = stride;
    stride *= shape[d];
  }
  return strides;
}

/** Whether logical order and device order are the same walk over memory. */
export function isRowMajor(shape: Shape): boolean {
  const moved = physicalOrder(shape.length).filter((d) => shape[d] !== 1);
  return moved.every((d, i) => i === 0 || moved[i - 1] < d);
}

/** Strides of an operand over the positions of `shape` (logical dimensions), 0 where it broadcasts from the right. */
export function operandStrides(operand: Shape, shape: Shape): number[] {
  const own = physicalStrides(operand);
  const lead = shape.length - operand.length;
  return shape.map((_, d) => (d < lead || operand[d - lead] === 1 ? 0 : own[d - lead]));
}

/** Logical row-major numbers → device order. Returns the same array where nothing moves. */
export function toPhysical<T extends Float32Array | Int32Array>(data: T, shape: Shape): T {
  return isRowMajor(shape) ? data : permutePicture(data, shape, false);
}

/** Device order → logical row-major. */
export function toLogical<T extends Float32Array | Int32Array>(data: T, shape: Shape): T {
  return isRowMajor(shape) ? data : permutePicture(data, shape, true);
}

function permutePicture<T extends Float32Array | Int32Array>(data: T, shape: Shape, back: boolean): T {
  const [n, c, h, w] = shape;
  const out = new (data.constructor as new (length: number) => T)(product(shape));
  const pixels = h * w;
  // A few pixels at a time, so that what is read and what is written both stay in the cache.
  const some = 64;
  for (let b = 0; b < n; b++)
    for (let from = 0; from < pixels; from += some) {
      const to = Math.min(pixels, from + some);
      for (let ch = 0; ch < c; ch++) {
        let logical = (b * c + ch) * pixels + from;
        let physical = (b * pixels + from) * c + ch;
        if (back) for (let p = from; p < to; p++, physical += c) out[logical++] = data[physical];
        else for (let p = from; p < to; p++, physical += c) out[physical] = data[logical++];
      }
    }
  return out;
}
