import { defineOp } from "../../graph/defineOp.ts";

/** Gathered blocks with zeros where they reach over the edge of a picture of `height` × `width`; see `gather`. */
export const inside = defineOp({
  name: "inside",
  signature: "x[k c s z] at:i32[k 2] -> y[k c s z]",
  attrs: { height: 1, width: 1, shift: [0, 0] as readonly number[], scale: 1 },
  reads: { x: "point", at: "point" },
  counts: "at",
  reference({ x, at, y }, { k, c, s }, { height, width, shift, scale }) {
    for (let b = 0; b < k; b++)
      for (let i = 0; i < s; i++)
        for (let j = 0; j < s; j++) {
          const [row, col] = [(at.at(b, 0) + shift[0]) / scale + i, (at.at(b, 1) + shift[1]) / scale + j];
          const is = row >= 0 && row < height && col >= 0 && col < width;
          for (let ch = 0; ch < c; ch++) y.set(is ? x.at(b, ch, i, j) : 0, b, ch, i, j);
        }
  },
});
