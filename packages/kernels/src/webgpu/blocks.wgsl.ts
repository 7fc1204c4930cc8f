import { wgsl } from "./wgsl.ts";

/** `pixel_of(block, i, j)`: the pixel of the picture that pixel (i, j) of a gathered block is. */
export const pixelOf = wgsl`
  fn pixel_of(block: i32, i: i32, j: i32) -> vec2i {
    return vec2i((read_at(block, 0) + shift[0]) / scale + i, (read_at(block, 1) + shift[1]) / scale + j);
  }`;

/** `scattered(channel, row, column)`: a number of the picture that \`scatter\` would make. */
export const scattered = wgsl`
  fn scattered(channel: i32, row: i32, column: i32) -> f32 {
    let tile = read_map(row / t, column / t);
    if (tile < 0) { return read_base(0, channel, row, column); }
    let line = tile * t + row % t;
    return read_tiles(line / r, channel, line % r, column % t);
  }`;
