import { defineOp, require } from "../../graph/defineOp.ts";

/**
 * Square blocks of a picture, `size` pixels wide: block k begins at pixel (at[k] + shift) / scale, and is 0 outside the
 * picture (`Gather` of Li et al. 2022, §3.3). Fewer blocks may be given at a run than `at` has room for.
 */
export const gather = defineOp({
  name: "gather",
  signature: "x[n c h w] at:i32[k 2] -> y[k c s z]",
  attrs: { size: 1, shift: [0, 0] as readonly number[], scale: 1 },
  reads: { x: "all", at: "point" },
  counts: "at",
  infer({ n }, { size }) {
    require(n === 1, () => `blocks are of one picture, not of ${n}`);
    return { s: size, z: size };
  },
  reference({ x, at, y }, { c, h, w, k, s }, { shift, scale }) {
    for (let b = 0; b < k; b++)
      for (let i = 0; i < s; i++)
        for (let j = 0; j < s; j++) {
          const [row, col] = [(at.at(b, 0) + shift[0]) / scale + i, (at.at(b, 1) + shift[1]) / scale + j];
          const inside = row >= 0 && row < h && col >= 0 && col < w;
          for (let ch = 0; ch < c; ch++) y.set(inside ? x.at(0, ch, row, col) : 0, b, ch, i, j);
        }
  },
});
