import { sizeOf } from "../ops/gather/op.ts";
import type { Dims } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import { inFours } from "./offset.ts";
import { ceilDiv, literal, wgsl } from "./wgsl.ts";

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

/** How many workgroups fill blocks. */
export const workgroupsToFill = (_dims: Dims, blocks: Tensor): number =>
  ceilDiv(blocks.elements / (inFours(blocks) ? 4 : 1), 64);

/**
 * An entry point that writes every number of blocks y, or four channels at once if `wide`: `value`, or 0 where `pixel_of`
 * the block's pixel is outside.
 */
export const fillBlocks = (wide: boolean, value: string): string => wgsl`
  @compute @workgroup_size(64)
  fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
    let place = workgroup_index(id) * ${wide ? 256 : 64} + i32(lane)${wide ? " * 4" : ""};
    if (place >= k * c * s * s) { return; }
    let ch = place % c;
    let j = place / c % s;
    let i = place / (c * s) % s;
    let block = place / (c * s * s);
    let pixel = pixel_of(block, i, j);
    var value = ${wide ? "vec4f()" : "0.0"};
    if (pixel.x >= 0) { value = ${value}; }
    write${wide ? "4" : ""}_y(block, ch, i, j, value);
  }`;

/** `scattered(channel, row, column)`: a number, or four if `wide`, of the picture that \`scatter\` would make. */
export const scattered = (wide: boolean): string => wgsl`
  fn scattered(channel: i32, row: i32, column: i32) -> ${wide ? "vec4f" : "f32"} {
    let tile = read_map(row / t, column / t);
    if (tile < 0) { return base_at${wide ? "4" : ""}((row * w + column) * c + channel); }
    return tiles_at${wide ? "4" : ""}(((tile * t + row % t) * t + column % t) * c + channel);
  }`;
