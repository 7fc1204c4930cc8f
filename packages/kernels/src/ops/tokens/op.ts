import { defineOp } from "../../graph/defineOp.ts";

/** A picture as a sequence: one token of c channels per pixel, row by row. Free where pixels are stored channels last. */
export const tokens = defineOp({
  name: "tokens",
  signature: "x[n c h w] -> y[n t c]",
  attrs: {},
  reads: { x: "point" },
  infer: ({ h, w }) => ({ t: h * w }),
  reference({ x, y }, { n, c, h, w }) {
    for (let b = 0; b < n; b++)
      for (let ch = 0; ch < c; ch++)
        for (let i = 0; i < h; i++) for (let j = 0; j < w; j++) y.set(x.at(b, ch, i, j), b, i * w + j, ch);
  },
});
