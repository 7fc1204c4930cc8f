import type { Tensor } from "../../graph/tensor.ts";
import { physicalStrides } from "../../plan/layout.ts";
import { eachNumber, workgroupsForEach } from "../../webgpu/eachNumber.wgsl.ts";
import { coordinate, inFours, operandOffset } from "../../webgpu/offset.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

const widthOf = (node: Tensor) => ([node, ...Object.values(node.inputs)].every(inFours) ? 4 : 1);

/** Number by number, or four neighbours in memory at a time. */
export const copy = wgslKernel({
  name: "concat.copy",
  accepts: () => true,
  wide: (node) => (widthOf(node) === 4 ? ["a", "b", "y"] : []),
  workgroups: (_dims, node) => workgroupsForEach(node.elements, widthOf(node)),
  ordered: (_dims, node) => (node.attrs.axis === 0 ? workgroupsForEach(node.elements, widthOf(node)) : 1),
  source({ header, wide, node: { shape, elements, inputs, attrs } }) {
    const along = attrs.axis as number;
    const [a, b] = [physicalStrides(inputs.a.shape), physicalStrides(inputs.b.shape)];
    const first = inputs.a.shape[along];
    const [width, four, to] = wide.length ? [4, "4", "y_data[u32(at) >> 2u]"] : [1, "", "y_data[at]"];
    return wgsl`
      ${header}

      ${eachNumber(
        elements,
        width,
        wgsl`
          if (${coordinate("at", shape, along)} < ${first}) {
            ${to} = a_at${four}(${operandOffset("at", shape, a)});
          } else {
            ${to} = b_at${four}(${operandOffset("at", shape, b)} - ${first * b[along]});
          }`,
      )}`;
  },
});

export const ladder = [copy];
