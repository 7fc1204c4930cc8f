import { isRowMajor } from "../../plan/layout.ts";
import type { GemmTile } from "../../webgpu/gemmTile.wgsl.ts";
import { registerTile, sharedTile, tiles, writeRow } from "../../webgpu/gemmTile.wgsl.ts";
import { columns } from "../../webgpu/packings.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

const tiled = (name: string, tile: GemmTile, forSoftware: boolean) =>
  wgslKernel({
    name,
    accepts({ inputs: { x, weight }, shape }, { isParam }) {
      if (!isParam(weight)) return "the weight is computed, so it cannot be packed";
      if (!isRowMajor(x.shape) || !isRowMajor(shape)) return "rows are not contiguous in a picture";
      return weight.shape[1] % 4 === 0 || `a depth of ${weight.shape[1]} is no multiple of 4`;
    },
    recommends: (_node, { caps }) =>
      caps.software === forSoftware ||
      (forSoftware ? "workgroup memory is fast here" : "workgroup memory is slow here"),
    packings: ({ inputs: { weight } }, { weightDtype }) => ({ weight: columns(weightDtype(weight)) }),
    wide: ({ inputs: { weight } }) => (weight.shape[0] % 4 === 0 ? ["x", "weight", "y"] : ["x", "weight"]),
    ordered: ({ o }) => ceilDiv(o, tile.columns),
    workgroups: ({ b, o }) => tiles(tile, b, o),
    source: ({ header, wide }) => wgsl`
      ${header}

      const rows = b;
      const columns = o;
      const taps = 1;
      const depth = k;
      const weight_width = (o + 3) / 4 * 4;

      fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

      fn write_row(row: i32, column: i32, value: vec4f) {
        ${writeRow(wide.includes("y"), (column) => `row, ${column}`)}
      }

      ${tile.main}`,
  });

export const tiledShared = tiled("linear.tiled", sharedTile, false);
export const tiledRegisters = tiled("linear.tiledRegisters", registerTile, true);
