import type { Tensor } from "../../graph/tensor.ts";
import { physicalStrides } from "../../plan/layout.ts";
import { eachNumber, workgroupsForEach } from "../../webgpu/eachNumber.wgsl.ts";
import { inFours, operandOffset } from "../../webgpu/offset.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** How many numbers of x come before those that stay. */
const skipped = ({ inputs: { x }, attrs }: Tensor) =>
  (attrs.begin as number) * physicalStrides(x.shape)[attrs.axis as number];
const widthOf = (node: Tensor) => (inFours(node) && inFours(node.inputs.x) && skipped(node) % 4 === 0 ? 4 : 1);

/** Number by number, or four neighbours in memory at a time. */
export const copy = wgslKernel({
  name: "slice.copy",
  accepts: () => true,
  wide: (node) => (widthOf(node) === 4 ? ["x", "y"] : []),
  workgroups: (_dims, node) => workgroupsForEach(node.elements, widthOf(node)),
  source({ header, wide, node }) {
    const from = `${operandOffset("at", node.shape, physicalStrides(node.inputs.x.shape))} + ${skipped(node)}`;
    return wgsl`
      ${header}

      ${
        wide.length
          ? eachNumber(node.elements, 4, `y_data[u32(at) >> 2u] = x_at4(${from});`)
          : eachNumber(node.elements, 1, `y_data[at] = x_at(${from});`)
      }`;
  },
});

export const ladder = [copy];
