import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number, in logical order: for reshapes between pictures and other shapes, which are no views. */
export const copy = wgslKernel({
  name: "reshape.copy",
  accepts: () => true,
  workgroups: ({ p }) => ceilDiv(p, 64),
  source: ({ header }) => wgsl`
    ${header}

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at < p) { write_y(at, read_x(at)); }
    }`,
});

export const ladder = [copy];
