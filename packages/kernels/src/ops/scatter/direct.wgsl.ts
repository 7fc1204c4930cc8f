import { scattered } from "../../webgpu/blocks.wgsl.ts";
import { eachNumber, workgroupsForEach } from "../../webgpu/eachNumber.wgsl.ts";
import { inFours } from "../../webgpu/offset.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** Number by number, or four neighbouring channels at a time. */
export const direct = wgslKernel({
  name: "scatter.direct",
  accepts: () => true,
  wide: (node) => (inFours(node) ? ["tiles", "base", "y"] : []),
  workgroups: ({ c, h, w }, node) => workgroupsForEach(c * h * w, inFours(node) ? 4 : 1),
  source: ({ header, wide, dims: { c, h, w } }) => wgsl`
    ${header}
    ${scattered(wide.length > 0)}

    ${eachNumber(
      c * h * w,
      wide.length ? 4 : 1,
      wgsl`
        let ch = at % c;
        let j = at / c % w;
        let i = at / (c * w);
        write${wide.length ? "4" : ""}_y(0, ch, i, j, scattered(ch, i, j));`,
    )}`,
});

export const ladder = [direct];
