import { physicalStrides } from "../../plan/layout.ts";
import { operandOffset } from "../../webgpu/offset.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number of the result. */
export const copy = wgslKernel({
  name: "slice.copy",
  accepts: () => true,
  workgroups: (_dims, { elements }) => ceilDiv(elements, 64),
  source({ header, node: { shape, elements, inputs, attrs } }) {
    const strides = physicalStrides(inputs.x.shape);
    const skipped = (attrs.begin as number) * strides[attrs.axis as number];
    return wgsl`
      ${header}

      @compute @workgroup_size(64)
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
        let at = workgroup_index(id) * 64 + i32(lane);
        if (at >= ${elements}) { return; }
        y_data[at] = x_at(${operandOffset("at", shape, strides)} + ${skipped});
      }`;
  },
});

export const ladder = [copy];
