import type { Tensor } from "../../graph/tensor.ts";
import type { KernelContext } from "../../plan/kernel.ts";
import { isRowMajor } from "../../plan/layout.ts";
import type { WebgpuCaps } from "../../webgpu/caps.ts";
import { division, gemmAlgorithms, wideNames, writeRow, type GemmAlgorithm } from "../../webgpu/gemmTile.wgsl.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** Whether an algorithm can multiply the rows of `x` by a packed `weight`, or why not. */
export function takesRows(
  { accepts, tile }: GemmAlgorithm,
  { inputs: { x, weight }, shape }: Tensor,
  { isParam, weightDtype, caps }: KernelContext<WebgpuCaps>,
): true | string {
  const able = accepts(caps, weightDtype(weight));
  if (able !== true) return able;
  if (!isParam(weight)) return "the weight is computed, so it cannot be packed";
  if (!isRowMajor(x.shape) || !isRowMajor(shape)) return "rows are not contiguous in a picture";
  const depth = weight.shape[1];
  return !tile(caps).wide || depth % 4 === 0 || `a depth of ${depth} is no multiple of 4`;
}

const tiled = (algorithm: GemmAlgorithm) => {
  const { name, enables, recommends, tile } = algorithm;
  const divided = division(tile, ({ b, o }) => [b, o]);
  return wgslKernel({
    name: `linear.tiled${name}`,
    accepts: (node, context) => takesRows(algorithm, node, context),
    recommends: (_node, { caps }) => recommends(caps),
    packings: ({ inputs: { weight } }, { weightDtype, caps }) => ({ weight: tile(caps).packing(weightDtype(weight)) }),
    wide: ({ inputs: { weight } }, { caps }) => wideNames(tile(caps), weight.shape[0]),
    ordered: (...at) => divided(...at).group,
    workgroups: (...at) => divided(...at).workgroups,
    enables: () => enables,
    source: ({ header, wide, node, dims, context }) => wgsl`
      ${header}

      const rows = b;
      const columns = o;
      const taps = 1;
      const depth = k;
      const band = ${divided(dims, node, context).band};

      fn weight_matrix(row: i32) -> i32 { return 0; }

      fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

      fn write_row(row: i32, column: i32, value: vec4f) {
        ${writeRow(wide.includes("y"), (column) => `row, ${column}`)}
      }

      ${tile(context.caps).main}`,
  });
};

export const tiledKernels = gemmAlgorithms.map(tiled);
