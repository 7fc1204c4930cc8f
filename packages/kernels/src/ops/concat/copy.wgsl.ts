import { physicalStrides } from "../../plan/layout.ts";
import { coordinate, operandOffset } from "../../webgpu/offset.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number of the result. */
export const copy = wgslKernel({
  name: "concat.copy",
  accepts: () => true,
  workgroups: (_dims, { elements }) => ceilDiv(elements, 64),
  source({ header, node: { shape, elements, inputs, attrs } }) {
    const along = attrs.axis as number;
    const [a, b] = [physicalStrides(inputs.a.shape), physicalStrides(inputs.b.shape)];
    const first = inputs.a.shape[along];
    return wgsl`
      ${header}

      @compute @workgroup_size(64)
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
        let at = workgroup_index(id) * 64 + i32(lane);
        if (at >= ${elements}) { return; }
        if (${coordinate("at", shape, along)} < ${first}) {
          y_data[at] = a_at(${operandOffset("at", shape, a)});
        } else {
          y_data[at] = b_at(${operandOffset("at", shape, b)} - ${first * b[along]});
        }
      }`;
  },
});

export const ladder = [copy];
