import { defineOp, require } from "../../graph/defineOp.ts";

/** Nearest-neighbour resize to `height` × `width`: row i reads row ⌊i · h / height⌋, as PyTorch's `nearest` does. */
export const upsample = defineOp({
  name: "upsample",
  signature: "x[n c h w] -> y[n c ho wo]",
  attrs: { height: 0, width: 0 },
  reads: { x: "window" },
  infer(_dims, { height, width }) {
    require(height > 0 && width > 0, () => `the size to resize to must be positive, got ${height} × ${width}`);
    return { ho: height, wo: width };
  },
  reference({ x, y }, { n, c, h, w, ho, wo }) {
    for (let b = 0; b < n; b++)
      for (let ch = 0; ch < c; ch++)
        for (let i = 0; i < ho; i++)
          for (let j = 0; j < wo; j++) y.set(x.at(b, ch, nearest(i, h, ho), nearest(j, w, wo)), b, ch, i, j);
  },
});

/** The source row of row i, with the scale rounded to float32 as PyTorch rounds it. */
export const nearest = (i: number, from: number, to: number): number =>
  Math.min(from - 1, Math.floor(Math.fround(i * Math.fround(from / to))));
