import { ceilDiv, wgsl } from "./wgsl.ts";

export interface GemmTile {
  /** Rows and columns of the result that one workgroup computes. */
  readonly rows: number;
  readonly columns: number;
  /** The entry point. */
  readonly main: string;
}

/** Workgroups for a result of `rows` × `columns`. */
export const tiles = (tile: GemmTile, rows: number, columns: number): number =>
  ceilDiv(rows, tile.rows) * ceilDiv(columns, tile.columns);

/**
 * result[row, column] = Σ_tap Σ_c x(row, tap, c) · weight[tap · depth + c, column], weights packed by `columns`.
 * The shader around it defines
 * - `const rows`, `columns`, `taps`, `depth` (a multiple of 4) and `weight_width`, the columns padded to a multiple of 4;
 * - `row_start(row, tap) -> i32`: where in x channel 0 of that row and tap lies, or −1 for a row of zeros;
 * - `write_row(row, column, value: vec4f)` for 4 columns from `column` on, of which those beyond `columns` are padding.
 */
export const sharedTile: GemmTile = {
  rows: 64,
  columns: 64,
  // 256 threads, 4 × 4 results each; tiles of 64 rows × 16 channels and 16 channels × 64 columns in 8 KiB.
  main: wgsl`
    var<workgroup> x_tile: array<array<vec4f, 4>, 64>;
    var<workgroup> weight_tile: array<array<vec4f, 16>, 16>;

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      let tile = workgroup_index(id);
      let first_row = tile / across * 64;
      let first_column = tile % across * 64;
      if (first_row >= rows) { return; }
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
            weight = weight_at4((tap * depth + channel + weight_row) * weight_width + weight_column);
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

/** The same without workgroup memory: 4 × 8 results in registers. For adapters whose workgroup memory is no faster. */
export const registerTile: GemmTile = {
  rows: 32,
  columns: 64,
  main: wgsl`
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      let tile = workgroup_index(id);
      let row = tile / across * 32 + i32(local) / 8 * 4;
      let column = tile % across * 64 + i32(local) % 8 * 8;
      if (row >= rows || column >= columns) { return; }
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
            let place = (tap * depth + channel + k) * weight_width + column;
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

/** `write_row` in terms of `write4_y`, or of `write_y` where rows are no multiple of 4. `position(column)` is where. */
export const writeRow = (wide: boolean, position: (column: string) => string): string =>
  wide
    ? wgsl`write4_y(${position("column")}, value);`
    : wgsl`
      for (var lane = 0; lane < min(4, columns - column); lane++) {
        write_y(${position("column + lane")}, value[lane]);
      }`;
