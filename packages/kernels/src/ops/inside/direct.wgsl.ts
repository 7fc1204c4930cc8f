import { fillBlocks, pixelOf } from "../../webgpu/blocks.wgsl.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number. */
export const direct = wgslKernel({
  name: "inside.direct",
  accepts: () => true,
  ordered: () => 1,
  workgroups: ({ k, c, s }) => ceilDiv(k * c * s * s, 64),
  source: ({ header, dims, node }) => wgsl`
    ${header}
    ${pixelOf(dims, node.attrs as { height: number; width: number })}

    ${fillBlocks("read_x(block, ch, i, j)")}`,
});

export const ladder = [direct];
