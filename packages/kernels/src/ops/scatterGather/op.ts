import { defineOp } from "../../graph/defineOp.ts";
import { eachPixel } from "../gather/op.ts";
import { checkCells, pixelOf } from "../scatter/op.ts";

/** `gather` from what `scatter` would make, which never exists as a whole (Li et al. 2022, §3.3). */
export const scatterGather = defineOp({
  name: "scatterGather",
  signature: "tiles[m c r t] base[n c h w] map:i32[p q] at:i32[k 2] -> y[k c s z]",
  attrs: { size: 1, shift: [0, 0] as readonly number[], scale: 1, height: 0, width: 0 },
  reads: { tiles: "all", base: "all", map: "all", at: "point" },
  counts: "at",
  infer(dims, { size }) {
    checkCells(dims);
    return { s: size, z: size };
  },
  reference({ tiles, base, map, at, y }, dims, attrs) {
    const pixel = pixelOf({ tiles, base, map }, dims.r, dims.t);
    eachPixel(at, dims, attrs, (b, i, j, place) => {
      for (let ch = 0; ch < dims.c; ch++) y.set(place ? pixel(ch, ...place) : 0, b, ch, i, j);
    });
  },
});
