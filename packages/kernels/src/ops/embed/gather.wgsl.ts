import type { KernelContext } from "../../plan/kernel.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { WebgpuCaps } from "../../webgpu/caps.ts";
import { inOrder, type WgslPacking } from "../../webgpu/packings.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** As stored if that fits one binding, else as f16: CLIP's table in f32 is 145 MiB, the default limit 128 MiB. */
const packing = ({ inputs: { table } }: Tensor, { caps, weightDtype }: KernelContext<WebgpuCaps>): WgslPacking => {
  const stored = inOrder(weightDtype(table));
  return stored.bytes(table.shape) <= caps.maxStorageBufferBindingSize ? stored : inOrder("f16");
};

/** One thread per number of the result. */
export const gather = wgslKernel({
  name: "embed.gather",
  accepts(node, context) {
    const { table } = node.inputs;
    if (!context.isParam(table)) return true;
    const [bytes, limit] = [packing(node, context).bytes(table.shape), context.caps.maxStorageBufferBindingSize];
    return (
      bytes <= limit || `the table is ${bytes} bytes even as f16, but a binding holds at most ${limit} on this device`
    );
  },
  packings: (node, context): Record<string, WgslPacking> =>
    context.isParam(node.inputs.table) ? { table: packing(node, context) } : {},
  workgroups: ({ b, e }) => ceilDiv(b * e, 64),
  source: ({ header }) => wgsl`
    ${header}

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at < b * e) { write_y(at / e, at % e, read_table(read_ids(at / e), at % e)); }
    }`,
});

export const ladder = [gather];
