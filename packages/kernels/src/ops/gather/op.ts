import { defineOp, require } from "../../graph/defineOp.ts";
import type { Dims } from "../../graph/op.ts";
import type { View } from "../../graph/view.ts";
import { nearest } from "../upsample/op.ts";

/**
 * Square blocks of a picture, `size` pixels wide: block k begins at pixel (at[k] + shift) / scale, and is 0 outside the
 * picture (`Gather` of Li et al. 2022, §3.3). Fewer blocks may be given at a run than `at` has room for. With `height` and
 * `width`, blocks of what `upsample` would make of the picture.
 */
export const gather = defineOp({
  name: "gather",
  signature: "x[n c h w] at:i32[k 2] -> y[k c s z]",
  attrs: { size: 1, shift: [0, 0] as readonly number[], scale: 1, height: 0, width: 0 },
  reads: { x: "all", at: "point" },
  counts: "at",
  infer({ n }, { size }) {
    require(n === 1, () => `blocks are of one picture, not of ${n}`);
    return { s: size, z: size };
  },
  reference({ x, at, y }, dims, attrs) {
    eachPixel(at, dims, attrs, (b, i, j, place) => {
      for (let ch = 0; ch < dims.c; ch++) y.set(place ? x.at(0, ch, ...place) : 0, b, ch, i, j);
    });
  },
});

/** What gathered blocks are of, and how. */
export interface Blocks {
  readonly shift: readonly number[];
  readonly scale: number;
  readonly height: number;
  readonly width: number;
}

/** The size of the picture that blocks lie on. */
export const sizeOf = ({ h, w }: Dims, { height, width }: Pick<Blocks, "height" | "width">) => ({
  height: height || h,
  width: width || w,
});

/** Visits all pixels (i, j) of all blocks b, with the place [row, column] in x that each is read from, if it has one. */
export function eachPixel(
  at: View,
  dims: Dims,
  { shift, scale, ...resized }: Blocks,
  visit: (b: number, i: number, j: number, place: [number, number] | undefined) => void,
): void {
  const { height, width } = sizeOf(dims, resized);
  for (let b = 0; b < dims.k; b++)
    for (let i = 0; i < dims.s; i++)
      for (let j = 0; j < dims.s; j++) {
        const [row, col] = [(at.at(b, 0) + shift[0]) / scale + i, (at.at(b, 1) + shift[1]) / scale + j];
        const inside = row >= 0 && row < height && col >= 0 && col < width;
        visit(b, i, j, inside ? [nearest(row, dims.h, height), nearest(col, dims.w, width)] : undefined);
      }
}
