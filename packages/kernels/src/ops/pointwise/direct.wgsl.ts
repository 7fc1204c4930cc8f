import type { Tensor } from "../../graph/tensor.ts";
import { physicalSizes } from "../../webgpu/offset.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

const inFours = ({ shape }: Tensor): boolean => (physicalSizes(shape).at(-1) ?? 1) % 4 === 0;
const threads = 256;

/** One thread per number, or per four neighbours in memory. */
export const direct = wgslKernel({
  name: "pointwise.direct",
  accepts: () => true,
  wide: (node) => (inFours(node) ? ["y"] : []),
  ordered: () => 1,
  workgroups: ({ b }, node) => ceilDiv(b, threads * (inFours(node) ? 4 : 1)),
  source({ header, wide }) {
    const width = wide.length ? 4 : 1;
    return wgsl`
      ${header}

      @compute @workgroup_size(${threads})
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
        let at = workgroup_index(id) * ${threads * width} + i32(lane) * ${width};
        if (at >= b) { return; }
        ${width === 4 ? "y_data[u32(at) >> 2u] = value_at4(at);" : "y_data[at] = value_at(at);"}
      }`;
  },
});

export const ladder = [direct];
