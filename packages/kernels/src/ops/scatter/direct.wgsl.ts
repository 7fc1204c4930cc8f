import { scattered } from "../../webgpu/blocks.wgsl.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number. */
export const direct = wgslKernel({
  name: "scatter.direct",
  accepts: () => true,
  workgroups: ({ c, h, w }) => ceilDiv(c * h * w, 64),
  source: ({ header }) => wgsl`
    ${header}
    ${scattered}

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let place = workgroup_index(id) * 64 + i32(lane);
      if (place >= c * h * w) { return; }
      let ch = place % c;
      let j = place / c % w;
      let i = place / (c * w);
      write_y(0, ch, i, j, scattered(ch, i, j));
    }`,
});

export const ladder = [direct];
