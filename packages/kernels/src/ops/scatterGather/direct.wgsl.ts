import { fillBlocks, pixelOf, scattered, workgroupsToFill } from "../../webgpu/blocks.wgsl.ts";
import { inFours } from "../../webgpu/offset.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number, or per four channels. */
export const direct = wgslKernel({
  name: "scatterGather.direct",
  accepts: () => true,
  wide: (node) => (inFours(node) ? ["tiles", "base", "y"] : []),
  ordered: () => 1,
  workgroups: workgroupsToFill,
  source: ({ header, dims, node, wide }) => wgsl`
    ${header}
    ${pixelOf(dims, node.attrs as { height: number; width: number })}
    ${scattered(wide.length > 0)}

    ${fillBlocks(wide.length > 0, "scattered(ch, pixel.x, pixel.y)")}`,
});

export const ladder = [direct];
