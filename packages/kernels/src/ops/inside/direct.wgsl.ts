import { fillBlocks, pixelOf, workgroupsToFill } from "../../webgpu/blocks.wgsl.ts";
import { inFours } from "../../webgpu/offset.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number, or per four channels. */
export const direct = wgslKernel({
  name: "inside.direct",
  accepts: () => true,
  wide: (node) => (inFours(node) ? ["x", "y"] : []),
  ordered: () => 1,
  workgroups: workgroupsToFill,
  source: ({ header, dims, node, wide }) => wgsl`
    ${header}
    ${pixelOf(dims, node.attrs as { height: number; width: number })}

    ${fillBlocks(wide.length > 0, `x_at${wide.length ? "4" : ""}(place)`)}`,
});

export const ladder = [direct];
