import { reduce } from "../../webgpu/reduce.wgsl.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/**
 * WGSL that gives mean and 1 / √(variance + eps) of picture and group number `item` to all 256 threads of a workgroup, in
 * two passes: mean, then squares about it. The second pass also sums the differences, which are what rounding left of the
 * mean, and corrects both results by them (Chan et al. 1983, eq. 1.7). `value(item, i)` is number i of the group.
 */
export const statistics = wgsl`
  const own = c / g;
  const size = own * h * w;

  fn value(item: i32, i: i32) -> f32 {
    return x_at((item / g * h * w + i / own) * c + item % g * own + i % own);
  }

  fn statistics(item: i32, lane: i32) -> vec2f {
    var sum = 0.0;
    for (var i = lane; i < size; i += 256) { sum += value(item, i); }
    let mean = reduce_sum(sum, lane) / f32(size);
    var squares = 0.0;
    var rest = 0.0;
    for (var i = lane; i < size; i += 256) {
      let d = value(item, i) - mean;
      squares += d * d;
      rest += d;
    }
    let correction = reduce_sum(rest, lane) / f32(size);
    let variance = max(reduce_sum(squares, lane) / f32(size) - correction * correction, 0.0);
    return vec2f(mean + correction, inverseSqrt(variance + eps));
  }`;

/** One workgroup per picture and group. */
export const groups = wgslKernel({
  name: "groupStats.groups",
  accepts: () => true,
  workgroups: ({ n, g }) => n * g,
  source: ({ header }) => wgsl`
    ${header}
    ${reduce(256)}
    ${statistics}

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      let item = workgroup_index(id);
      if (item >= n * g) { return; }
      let stats = statistics(item, i32(local));
      if (local == 0) {
        write_y(item / g, item % g, 0, stats.x);
        write_y(item / g, item % g, 1, stats.y);
      }
    }`,
});

export const ladder = [groups];
