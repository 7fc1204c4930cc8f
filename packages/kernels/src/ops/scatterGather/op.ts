import { defineOp } from "../../graph/defineOp.ts";
import { checkCells, pixelOf } from "../scatter/op.ts";

/** `gather` from what `scatter` would make, which never exists as a whole (Li et al. 2022, §3.3). */
export const scatterGather = defineOp({
  name: "scatterGather",
  signature: "tiles[m c r t] base[n c h w] map:i32[p q] at:i32[k 2] -> y[k c s z]",
  attrs: { size: 1, shift: [0, 0] as readonly number[], scale: 1 },
  reads: { tiles: "all", base: "all", map: "all", at: "point" },
  counts: "at",
  infer(dims, { size }) {
    checkCells(dims);
    return { s: size, z: size };
  },
  reference({ tiles, base, map, at, y }, { c, h, w, r, t, k, s }, { shift, scale }) {
    const pixel = pixelOf({ tiles, base, map }, r, t);
    for (let b = 0; b < k; b++)
      for (let i = 0; i < s; i++)
        for (let j = 0; j < s; j++) {
          const [row, col] = [(at.at(b, 0) + shift[0]) / scale + i, (at.at(b, 1) + shift[1]) / scale + j];
          const inside = row >= 0 && row < h && col >= 0 && col < w;
          for (let ch = 0; ch < c; ch++) y.set(inside ? pixel(ch, row, col) : 0, b, ch, i, j);
        }
  },
});
