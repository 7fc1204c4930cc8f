import { reduce } from "../../webgpu/reduce.wgsl.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One workgroup per row, which it reads three times: largest, sum, result. */
export const rows = wgslKernel({
  name: "softmax.rows",
  accepts: () => true,
  workgroups: ({ b }) => b,
  source: ({ header }) => wgsl`
    ${header}
    ${reduce(64)}

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      let row = workgroup_index(id);
      if (row >= b) { return; }
      let lane = i32(local);
      var largest = -3.0e38;
      for (var i = lane; i < k; i += 64) { largest = max(largest, read_x(row, i)); }
      largest = reduce_max(largest, lane);
      var sum = 0.0;
      for (var i = lane; i < k; i += 64) { sum += exp(read_x(row, i) - largest); }
      sum = reduce_sum(sum, lane);
      for (var i = lane; i < k; i += 64) { write_y(row, i, exp(read_x(row, i) - largest) / sum); }
    }`,
});

export const ladder = [rows];
