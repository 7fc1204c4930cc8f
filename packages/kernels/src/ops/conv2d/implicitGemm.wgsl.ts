import { division, gemmAlgorithms, wideNames, writeRow, type GemmAlgorithm } from "../../webgpu/gemmTile.wgsl.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** The convolution as one matrix product per tap of the window, summed: rows are pixels, columns output channels. */
const implicitGemm = ({ name, enables, accepts, recommends, tile }: GemmAlgorithm) => {
  const divided = division(tile, ({ n, ho, wo, co }) => [n * ho * wo, co]);
  return wgslKernel({
    name: `conv2d.implicitGemm${name}`,
    accepts({ inputs: { x, weight }, attrs }, { isParam, weightDtype, caps }) {
      const able = accepts(caps, weightDtype(weight));
      if (able !== true) return able;
      if (!isParam(weight)) return "the weight is computed, so it cannot be packed";
      if (attrs.groups !== 1) return `${attrs.groups} groups`;
      const depth = x.shape[1];
      return !tile(caps).wide || depth % 4 === 0 || `${depth} input channels are no multiple of 4`;
    },
    recommends: (_node, { caps }) => recommends(caps),
    packings: ({ inputs: { weight } }, { weightDtype, caps }) => ({ weight: tile(caps).packing(weightDtype(weight)) }),
    wide: ({ shape }, { caps }) => wideNames(tile(caps), shape[1]),
    ordered: (...at) => divided(...at).group,
    workgroups: (...at) => divided(...at).workgroups,
    enables: () => enables,
    source: ({ header, wide, node, dims, context }) => wgsl`
      ${header}

      const rows = n * ho * wo;
      const columns = co;
      const taps = kh * kw;
      const depth = ci;
      const band = ${divided(dims, node, context).band};

      fn weight_matrix(row: i32) -> i32 { return 0; }

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

      ${tile(context.caps).main}`,
  });
};

export const implicitGemmKernels = gemmAlgorithms.map(implicitGemm);
