import { fillBlocks, pixelOf, scattered } from "../../webgpu/blocks.wgsl.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number. */
export const direct = wgslKernel({
  name: "scatterGather.direct",
  accepts: () => true,
  ordered: () => 1,
  workgroups: ({ k, c, s }) => ceilDiv(k * c * s * s, 64),
  source: ({ header, dims, node }) => wgsl`
    ${header}
    ${pixelOf(dims, node.attrs as { height: number; width: number })}
    ${scattered}

    ${fillBlocks("scattered(ch, pixel.x, pixel.y)")}`,
});

export const ladder = [direct];
