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
      let top = i * stride - pad;
      let left = j * stride - pad;
      let rows = vec2i(max(top, 0), min(top + size, h));
      let columns = vec2i(max(left, 0), min(left + size, w));
      var sum = 0.0;
      var most = read_x(b, ch, rows.x, columns.x);
      for (var r = rows.x; r < rows.y; r++) {
        for (var s = columns.x; s < columns.y; s++) {
          let value = read_x(b, ch, r, s);
          sum += value;
          most = max(most, value);
        }
      }
      write_y(b, ch, i, j, ${node.attrs.kind === "mean" ? "sum / f32((rows.y - rows.x) * (columns.y - columns.x))" : "most"});
    }`,
});

export const ladder = [window];
