import { eachNumber, workgroupsForEach } from "../../webgpu/eachNumber.wgsl.ts";
import { inFours } from "../../webgpu/offset.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** Number by number, or four neighbours in memory at a time. */
export const direct = wgslKernel({
  name: "pointwise.direct",
  accepts: () => true,
  wide: (node) => (inFours(node) ? ["y"] : []),
  ordered: () => 1,
  workgroups: ({ b }, node) => workgroupsForEach(b, inFours(node) ? 4 : 1),
  source({ header, wide, dims: { b } }) {
    const width = wide.length ? 4 : 1;
    return wgsl`
      ${header}

      ${eachNumber(b, width, width === 4 ? "y_data[u32(at) >> 2u] = value_at4(at);" : "y_data[at] = value_at(at);")}`;
  },
});

export const ladder = [direct];
