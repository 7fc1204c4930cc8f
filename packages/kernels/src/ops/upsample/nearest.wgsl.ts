import { ceilDiv, literal, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number. The scale is rounded to f32 first, as PyTorch rounds it. */
export const nearest = wgslKernel({
  name: "upsample.nearest",
  accepts: () => true,
  workgroups: ({ n, c, ho, wo }) => ceilDiv(n * c * ho * wo, 64),
  source: ({ header, dims: { h, w, ho, wo } }) => wgsl`
    ${header}

    const row_scale: f32 = ${literal(Math.fround(h / ho))};
    const column_scale: f32 = ${literal(Math.fround(w / wo))};

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at >= n * c * ho * wo) { return; }
      let ch = at % c;
      let j = at / c % wo;
      let i = at / (c * wo) % ho;
      let b = at / (c * wo * ho);
      let row = min(i32(floor(f32(i) * row_scale)), h - 1);
      let column = min(i32(floor(f32(j) * column_scale)), w - 1);
      write_y(b, ch, i, j, read_x(b, ch, row, column));
    }`,
});

export const ladder = [nearest];
