import { defineOp, require } from "../../graph/defineOp.ts";

/** A sequence as a picture of `height` rows: the inverse of `tokens`. */
export const image = defineOp({
  name: "image",
  signature: "x[n t c] -> y[n c h w]",
  attrs: { height: 1 },
  reads: { x: "point" },
  infer({ t }, { height }) {
    require(t % height === 0, () => `${t} tokens do not fill ${height} rows`);
    return { h: height, w: t / height };
  },
  reference({ x, y }, { n, c, h, w }) {
    for (let b = 0; b < n; b++)
      for (let ch = 0; ch < c; ch++)
        for (let i = 0; i < h; i++) for (let j = 0; j < w; j++) y.set(x.at(b, i * w + j, ch), b, ch, i, j);
  },
});
