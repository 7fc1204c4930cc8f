import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number; neighbouring threads read neighbouring channels. */
export const window = wgslKernel({
  name: "pool.window",
  accepts: () => true,
  workgroups: ({ n, c, ho, wo }) => ceilDiv(n * c * ho * wo, 64),
  source: ({ header, node }) => wgsl`
    ${header}

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at >= n * c * ho * wo) { return; }
      let ch = at % c;
      let j = at / c % wo;
      let i = at / (c * wo) % ho;
      let b = at / (c * wo * ho);
      var sum = 0.0;
      var most = read_x(b, ch, i * stride, j * stride);
      for (var r = 0; r < size; r++) {
        for (var s = 0; s < size; s++) {
          let value = read_x(b, ch, i * stride + r, j * stride + s);
          sum += value;
          most = max(most, value);
        }
      }
      write_y(b, ch, i, j, ${node.attrs.kind === "mean" ? "sum / f32(size * size)" : "most"});
    }`,
});

export const ladder = [window];
