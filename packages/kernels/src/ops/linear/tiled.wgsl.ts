import { isRowMajor } from "../../plan/layout.ts";
import { gemmAlgorithms, tiling, wideNames, writeRow, type GemmAlgorithm } from "../../webgpu/gemmTile.wgsl.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

const tiled = ({ name, enables, accepts, recommends, tile }: GemmAlgorithm) =>
  wgslKernel({
    name: `linear.tiled${name}`,
    accepts({ inputs: { x, weight }, shape }, { isParam, caps }) {
      const able = accepts(caps);
      if (able !== true) return able;
      if (!isParam(weight)) return "the weight is computed, so it cannot be packed";
      if (!isRowMajor(x.shape) || !isRowMajor(shape)) return "rows are not contiguous in a picture";
      const depth = weight.shape[1];
      return !tile(caps).wide || depth % 4 === 0 || `a depth of ${depth} is no multiple of 4`;
    },
    recommends: (_node, { caps }) => recommends(caps),
    packings: ({ inputs: { weight } }, { weightDtype, caps }) => ({ weight: tile(caps).packing(weightDtype(weight)) }),
    wide: ({ inputs: { weight } }, { caps }) => wideNames(tile(caps), weight.shape[0]),
    ordered: ({ b, o }, _node, { caps }) => tiling(tile(caps), b, o).group,
    workgroups: ({ b, o }, _node, { caps }) => tiling(tile(caps), b, o).workgroups,
    enables: () => enables,
    source: ({ header, wide, dims: { b, o }, context: { caps } }) => wgsl`
      ${header}

      const rows = b;
      const columns = o;
      const taps = 1;
      const depth = k;
      const band = ${tiling(tile(caps), b, o).band};

      fn weight_matrix(row: i32) -> i32 { return 0; }

      fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

      fn write_row(row: i32, column: i32, value: vec4f) {
        ${writeRow(wide.includes("y"), (column) => `row, ${column}`)}
      }

      ${tile(caps).main}`,
  });

export const tiledKernels = gemmAlgorithms.map(tiled);
