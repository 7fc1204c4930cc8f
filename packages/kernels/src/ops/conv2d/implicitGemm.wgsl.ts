import type { GemmTile } from "../../webgpu/gemmTile.wgsl.ts";
import { registerTile, sharedTile, tiles, writeRow } from "../../webgpu/gemmTile.wgsl.ts";
import { columns } from "../../webgpu/packings.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** The convolution as one matrix product per tap of the window, summed: rows are pixels, columns output channels. */
const implicitGemm = (name: string, tile: GemmTile, forSoftware: boolean) =>
  wgslKernel({
    name,
    accepts({ inputs: { x, weight }, attrs }, { isParam }) {
      if (!isParam(weight)) return "the weight is computed, so it cannot be packed";
      if (attrs.groups !== 1) return `${attrs.groups} groups`;
      return x.shape[1] % 4 === 0 || `${x.shape[1]} input channels are no multiple of 4`;
    },
    recommends: (_node, { caps }) =>
      caps.software === forSoftware ||
      (forSoftware ? "workgroup memory is fast here" : "workgroup memory is slow here"),
    packings: ({ inputs: { weight } }, { weightDtype }) => ({ weight: columns(weightDtype(weight)) }),
    wide: ({ shape }) => (shape[1] % 4 === 0 ? ["x", "weight", "y"] : ["x", "weight"]),
    ordered: ({ co }) => ceilDiv(co, tile.columns),
    workgroups: ({ n, ho, wo, co }) => tiles(tile, n * ho * wo, co),
    source: ({ header, wide }) => wgsl`
      ${header}

      const rows = n * ho * wo;
      const columns = co;
      const taps = kh * kw;
      const depth = ci;
      const weight_width = (co + 3) / 4 * 4;

      fn row_start(row: i32, tap: i32) -> i32 {
        let i = row / wo % ho * stride + tap / kw * dilation - pad[0];
        let j = row % wo * stride + tap % kw * dilation - pad[1];
        if (i < 0 || i >= h || j < 0 || j >= w) { return -1; }
        return ((row / (ho * wo) * h + i) * w + j) * ci;
      }

      fn write_row(row: i32, column: i32, value: vec4f) {
        let b = row / (ho * wo);
        let i = row / wo % ho;
        let j = row % wo;
        ${writeRow(wide.includes("y"), (column) => `b, ${column}, i, j`)}
      }

      ${tile.main}`,
  });

export const implicitGemmShared = implicitGemm("conv2d.implicitGemm", sharedTile, false);
export const implicitGemmRegisters = implicitGemm("conv2d.implicitGemmRegisters", registerTile, true);
