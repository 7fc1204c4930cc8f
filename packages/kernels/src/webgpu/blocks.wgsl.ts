import { sizeOf } from "../ops/gather/op.ts";
import type { Dims } from "../graph/op.ts";
import { literal, wgsl } from "./wgsl.ts";

/**
 * `pixel_of(block, i, j)`: the pixel of x that pixel (i, j) of a gathered block is read from, below 0 if it is outside. A
 * resized picture's scale is rounded to f32 first, as `upsample` rounds it.
 */
export function pixelOf(dims: Dims, resized: { readonly height: number; readonly width: number }): string {
  const { height, width } = sizeOf(dims, resized);
  const { h = height, w = width } = dims;
  const scaled = h !== height || w !== width;
  return wgsl`
    fn pixel_of(block: i32, i: i32, j: i32) -> vec2i {
      let pixel = vec2i((read_at(block, 0) + shift[0]) / scale + i, (read_at(block, 1) + shift[1]) / scale + j);
      if (any(pixel < vec2i(0)) || any(pixel >= vec2i(${height}, ${width}))) { return vec2i(-1); }
      return ${scaled ? `min(vec2i(floor(vec2f(pixel) * vec2f(${literal(Math.fround(h / height))}, ${literal(Math.fround(w / width))}))), vec2i(${h - 1}, ${w - 1}))` : "pixel"};
    }`;
}

/** `scattered(channel, row, column)`: a number of the picture that \`scatter\` would make. */
export const scattered = wgsl`
  fn scattered(channel: i32, row: i32, column: i32) -> f32 {
    let tile = read_map(row / t, column / t);
    if (tile < 0) { return read_base(0, channel, row, column); }
    let line = tile * t + row % t;
    return read_tiles(line / r, channel, line % r, column % t);
  }`;
