import type { Dims } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { KernelContext, WeightDtype } from "../plan/kernel.ts";
import type { WebgpuCaps } from "./caps.ts";
import { deviceClass } from "./deviceClass.ts";
import { matrixAlgorithm } from "./matrixTile.wgsl.ts";
import { columns, multiple, panels, type WgslPacking } from "./packings.ts";
import { ceilDiv, wgsl } from "./wgsl.ts";

/** A way to compute a matrix product, which convolutions and linear layers share. */
export interface GemmTile {
  /** Rows and columns of the result that one workgroup computes. */
  readonly rows: number;
  readonly columns: number;
  /** Rows of the result that are computed before the next columns are: as many as share weights in cache. */
  readonly band: number;
  /** Whether x is read four channels at a time, which takes a depth that is a multiple of 4. */
  readonly wide: boolean;
  packing(storage: WeightDtype): WgslPacking;
  /** How that packing lies: columns in a panel, and of what the depth is padded to a multiple. */
  panel(columns: number): { readonly width: number; readonly step: number };
  /** The entry point. */
  readonly main: string;
}

/** A tile for devices that can do it. */
export interface GemmAlgorithm {
  /** What kernels' names end in. */
  readonly name: string;
  /** Extensions of WGSL that it needs. */
  readonly enables: readonly string[];
  /** `storage`: of the weight, or of what stands in its place. */
  accepts(caps: WebgpuCaps, storage: WeightDtype): true | string;
  recommends(caps: WebgpuCaps): true | string;
  tile(caps: WebgpuCaps): GemmTile;
}

/** Workgroups for `rows` × `columns` of the result, how many of them make a band, and how many tiles a band has below each other. */
export function tiling(tile: GemmTile, rows: number, columns: number, bandRows = tile.band) {
  const band = ceilDiv(Math.min(rows, bandRows), tile.rows);
  const group = band * ceilDiv(columns, tile.columns);
  return { workgroups: ceilDiv(rows, band * tile.rows) * group, group, band };
}

/** Rows of a band where runs may be given fewer rows than there are: they compute whole bands. */
const countedBand = 32;

/** `tiling` of an op's own product, whose rows and columns `size` gives. */
export const division =
  (tile: GemmAlgorithm["tile"], size: (dims: Dims) => readonly [rows: number, columns: number]) =>
  (dims: Dims, node: Tensor, { caps, isCounted }: KernelContext<WebgpuCaps>) => {
    const own = tile(caps);
    return tiling(own, ...size(dims), isCounted(node) ? Math.min(own.band, countedBand) : own.band);
  };

/** The first algorithm that a device can do and should, whatever it multiplies. */
export const gemmAlgorithm = (caps: WebgpuCaps): GemmAlgorithm =>
  gemmAlgorithms.find(({ accepts, recommends }) => accepts(caps, "f32") === true && recommends(caps) === true)!;

/** What `wide` says of a kernel with this tile whose rows of results have `columns` numbers. */
export const wideNames = ({ wide }: GemmTile, columns: number): string[] => [
  ...(wide ? ["x"] : []),
  "weight",
  ...(columns % 4 === 0 ? ["y"] : []),
];

/**
 * result[row, column] = Σ_tap Σ_c x(row, tap, c) · weight[tap, c, column], the weight in the tile's packing. The shader
 * around it defines
 * - `const rows`, `columns`, `taps`, `depth`, and `band`, see `tiling`;
 * - `weight_matrix(row) -> i32`: which of several weights, packed one behind the other, a tile's first row is for;
 * - `row_start(row, tap) -> i32`: where in x channel 0 of that row and tap lies, or −1 for a row of zeros;
 * - `write_row(row, column, value: vec4f)` for 4 columns from `column` on, of which those beyond `columns` are padding.
 */
const sharedTile: GemmTile = {
  rows: 64,
  columns: 64,
  band: 64,
  wide: true,
  packing: columns,
  panel: (width) => ({ width: multiple(width, 4), step: 1 }),
  // 256 threads, 4 × 4 results each; tiles of 64 rows × 16 channels and 16 channels × 64 columns in 8 KiB.
  main: wgsl`
    var<workgroup> x_tile: array<array<vec4f, 4>, 64>;
    var<workgroup> weight_tile: array<array<vec4f, 16>, 16>;

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let lane = i32(local);
      let load_row = lane / 4;
      let load_channel = lane % 4 * 4;
      let weight_row = lane / 16;
      let weight_column = first_column + lane % 16 * 4;
      let row = lane / 16 * 4;
      let column = lane % 16;
      var sum = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = -1;
        if (first_row + load_row < rows) { start = row_start(first_row + load_row, tap); }
        for (var channel = 0; channel < depth; channel += 16) {
          var x = vec4f();
          if (start >= 0 && channel + load_channel < depth) { x = x_at4(start + channel + load_channel); }
          var weight = vec4f();
          if (channel + weight_row < depth && weight_column < weight_width) {
            weight = weight_at4((matrix + tap * depth + channel + weight_row) * weight_width + weight_column);
          }
          workgroupBarrier();
          x_tile[load_row][lane % 4] = x;
          weight_tile[weight_row][lane % 16] = weight;
          workgroupBarrier();
          for (var k = 0; k < 4; k++) {
            let w0 = weight_tile[k * 4][column];
            let w1 = weight_tile[k * 4 + 1][column];
            let w2 = weight_tile[k * 4 + 2][column];
            let w3 = weight_tile[k * 4 + 3][column];
            for (var r = 0; r < 4; r++) {
              let v = x_tile[row + r][k];
              sum[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
            }
          }
        }
      }
      if (first_column + column * 4 < columns) {
        for (var r = 0; r < 4; r++) {
          if (first_row + row + r < rows) { write_row(first_row + row + r, first_column + column * 4, sum[r]); }
        }
      }
    }`,
};

/** 4 × 8 results in registers. */
const registerTile: GemmTile = {
  rows: 32,
  columns: 64,
  band: 32,
  wide: true,
  packing: columns,
  panel: (width) => ({ width: multiple(width, 4), step: 1 }),
  main: wgsl`
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 32;
      let row = first_row + i32(local) / 8 * 4;
      let column = tile / band % across * 64 + i32(local) % 8 * 8;
      if (row >= rows || column >= columns) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let both = column + 4 < weight_width;
      var left = array<vec4f, 4>();
      var right = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 4>();
        for (var r = 0; r < 4; r++) {
          start[r] = -1;
          if (row + r < rows) { start[r] = row_start(row + r, tap); }
        }
        for (var channel = 0; channel < depth; channel += 4) {
          var x = array<vec4f, 4>();
          for (var r = 0; r < 4; r++) {
            if (start[r] >= 0) { x[r] = x_at4(start[r] + channel); }
          }
          for (var k = 0; k < 4; k++) {
            let place = (matrix + tap * depth + channel + k) * weight_width + column;
            let l = weight_at4(place);
            for (var r = 0; r < 4; r++) { left[r] += x[r][k] * l; }
            if (both) {
              let w = weight_at4(place + 4);
              for (var r = 0; r < 4; r++) { right[r] += x[r][k] * w; }
            }
          }
        }
      }
      for (var r = 0; r < 4; r++) {
        if (row + r < rows) {
          write_row(row + r, column, left[r]);
          if (column + 4 < columns) { write_row(row + r, column + 4, right[r]); }
        }
      }
    }`,
};

/**
 * 8 rows × 4 columns a lane. A row's next channels are loaded once by the subgroup, one a lane, and handed around, so that
 * 32 multiply-adds cost 5 loads instead of 12. On processors loads are what counts, and 32 sums fill the registers.
 */
const subgroupTile = (lanes: number): GemmTile => ({
  rows: 8,
  columns: 4 * lanes,
  band: 256,
  wide: false,
  packing: (storage) => panels(storage, lanes),
  panel: () => ({ width: 4 * lanes, step: lanes }),
  main: wgsl`
    const lanes = ${lanes};

    @compute @workgroup_size(lanes)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) invocation: u32) {
      const padded_depth = (depth + lanes - 1) / lanes * lanes;
      const across = (columns + 4 * lanes - 1) / (4 * lanes);
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 8;
      let panel = tile / band % across;
      if (first_row >= rows) { return; }
      let lane = i32(invocation);
      let weights = weight_matrix(first_row) * across + panel;
      var sum = array<vec4f, 8>();
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 8>();
        for (var r = 0; r < 8; r++) { start[r] = row_start(min(first_row + r, rows - 1), tap); }
        for (var channel = 0; channel < padded_depth; channel += lanes) {
          var x = array<f32, 8>();
          for (var r = 0; r < 8; r++) {
            let value = x_at(max(start[r], 0) + channel + lane);
            x[r] = select(0, value, start[r] >= 0 && channel + lane < depth);
          }
          let place = (((weights * taps + tap) * padded_depth + channel) * lanes + lane) * 4;
          ${Array.from(
            { length: lanes },
            (_, k) => wgsl`
              let w${k} = weight_at4(place + ${4 * k * lanes});
              for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], ${k}) * w${k}; }`,
          ).join("\n")}
        }
      }
      let column = (panel * lanes + lane) * 4;
      for (var r = 0; r < 8; r++) {
        if (first_row + r < rows && column < columns) { write_row(first_row + r, column, sum[r]); }
      }
    }`,
});

/** Fastest first. */
export const gemmAlgorithms: readonly GemmAlgorithm[] = [
  matrixAlgorithm,
  {
    name: "Subgroups",
    enables: ["subgroups"],
    accepts: ({ subgroupSize }) => subgroupSize !== undefined || "subgroups are not there, or of no fixed size",
    recommends: (caps) => !deviceClass(caps).fastWorkgroupMemory || "workgroup memory is fast here",
    tile: ({ subgroupSize }) => subgroupTile(subgroupSize!),
  },
  {
    name: "",
    enables: [],
    accepts: () => true,
    recommends: (caps) => deviceClass(caps).fastWorkgroupMemory || "workgroup memory is slow here",
    tile: () => sharedTile,
  },
  { name: "Registers", enables: [], accepts: () => true, recommends: () => true, tile: () => registerTile },
];

/** `write_row` in terms of `write4_y`, or of `write_y` where rows are no multiple of 4. `position(column)` is where. */
export const writeRow = (wide: boolean, position: (column: string) => string): string =>
  wide
    ? wgsl`write4_y(${position("column")}, value);`
    : wgsl`
      for (var lane = 0; lane < min(4, columns - column); lane++) {
        write_y(${position("column + lane")}, value[lane]);
      }`;
