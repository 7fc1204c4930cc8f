import { defineOp, require } from "../../graph/defineOp.ts";

/** The rows of pictures dealt out to another number of pictures: blocks stacked into one tall picture, and back. */
export const restack = defineOp({
  name: "restack",
  signature: "x[n c h w] -> y[m c g w]",
  attrs: { pictures: 1 },
  reads: { x: "point" },
  infer({ n, h }, { pictures }) {
    require((n * h) % pictures === 0, () => `${n} × ${h} rows do not divide into ${pictures} pictures`);
    return { m: pictures, g: (n * h) / pictures };
  },
  reference({ x, y }, { n, c, h, w, g }) {
    for (let row = 0; row < n * h; row++)
      for (let ch = 0; ch < c; ch++)
        for (let j = 0; j < w; j++)
          y.set(x.at(Math.floor(row / h), ch, row % h, j), Math.floor(row / g), ch, row % g, j);
  },
});
