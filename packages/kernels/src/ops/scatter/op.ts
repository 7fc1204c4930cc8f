import { defineOp, require } from "../../graph/defineOp.ts";
import type { View } from "../../graph/view.ts";

/**
 * A picture with some of its tiles replaced (`Scatter` of Li et al. 2022, §3.3). The picture is a grid of cells as wide as
 * a tile; `map` holds each cell's tile, or −1 where `base` stays. Tiles lie one below the other, in one picture or in many.
 */
export const scatter = defineOp({
  name: "scatter",
  signature: "tiles[m c r t] base[n c h w] map:i32[p q] -> y[n c h w]",
  attrs: {},
  reads: { tiles: "all", base: "point", map: "all" },
  infer(dims) {
    checkCells(dims);
    return {};
  },
  reference({ tiles, base, map, y }, { c, h, w, r, t }) {
    const pixel = pixelOf({ tiles, base, map }, r, t);
    for (let ch = 0; ch < c; ch++)
      for (let i = 0; i < h; i++) for (let j = 0; j < w; j++) y.set(pixel(ch, i, j), 0, ch, i, j);
  },
});

/** Refuses a map that does not cover the picture. */
export function checkCells({ n, h, w, m, r, t, p, q }: Readonly<Record<string, number>>): void {
  require(n === 1, () => `tiles are of one picture, not of ${n}`);
  require((m * r) % t === 0, () => `${m} × ${r} rows do not make tiles of ${t}`);
  require(p * t >= h && q * t >= w, () => `${p}×${q} cells of ${t} pixels do not cover ${h}×${w}`);
}

/** A pixel of the picture that `scatter` would make. */
export const pixelOf =
  ({ tiles, base, map }: Readonly<Record<"tiles" | "base" | "map", View>>, r: number, t: number) =>
  (channel: number, i: number, j: number): number => {
    const tile = map.at(Math.floor(i / t), Math.floor(j / t));
    if (tile < 0) return base.at(0, channel, i, j);
    const row = tile * t + (i % t);
    return tiles.at(Math.floor(row / r), channel, row % r, j % t);
  };
