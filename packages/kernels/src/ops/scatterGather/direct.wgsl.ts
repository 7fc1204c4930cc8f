import { pixelOf, scattered } from "../../webgpu/blocks.wgsl.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number. */
export const direct = wgslKernel({
  name: "scatterGather.direct",
  accepts: () => true,
  ordered: () => 1,
  workgroups: ({ k, c, s }) => ceilDiv(k * c * s * s, 64),
  source: ({ header, dims, node }) => wgsl`
    ${header}
    ${pixelOf(dims, node.attrs as { height: number; width: number })}
    ${scattered}

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let place = workgroup_index(id) * 64 + i32(lane);
      if (place >= k * c * s * s) { return; }
      let ch = place % c;
      let j = place / c % s;
      let i = place / (c * s) % s;
      let block = place / (c * s * s);
      let pixel = pixel_of(block, i, j);
      var value = 0.0;
      if (pixel.x >= 0) { value = scattered(ch, pixel.x, pixel.y); }
      write_y(block, ch, i, j, value);
    }`,
});

export const ladder = [direct];
