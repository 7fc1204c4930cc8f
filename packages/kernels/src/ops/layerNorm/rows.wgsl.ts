import { reduce } from "../../webgpu/reduce.wgsl.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";
import { subgroups } from "./subgroups.wgsl.ts";

/** One workgroup per row: mean, then squares about it, then the result. */
export const rows = wgslKernel({
  name: "layerNorm.rows",
  accepts: () => true,
  ordered: () => 1,
  workgroups: ({ b }) => b,
  source: ({ header }) => wgsl`
    ${header}
    ${reduce(64)}

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      let row = workgroup_index(id);
      if (row >= b) { return; }
      let lane = i32(local);
      var sum = 0.0;
      for (var i = lane; i < e; i += 64) { sum += read_x(row, i); }
      let mean = reduce_sum(sum, lane) / f32(e);
      var squares = 0.0;
      for (var i = lane; i < e; i += 64) {
        let d = read_x(row, i) - mean;
        squares += d * d;
      }
      let rstd = inverseSqrt(reduce_sum(squares, lane) / f32(e) + eps);
      for (var i = lane; i < e; i += 64) {
        write_y(row, i, (read_x(row, i) - mean) * rstd * weight_at(i) + bias_at(i));
      }
    }`,
});

export const ladder = [subgroups, rows];
