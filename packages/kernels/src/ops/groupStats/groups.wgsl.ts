import { reduce } from "../../webgpu/reduce.wgsl.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/**
 * WGSL that gives mean and 1 / √(variance + eps) of picture and group number `item` to all 256 threads of a workgroup. Sums
 * are of differences from the mean of 256 numbers spread over the group, which lies near all of them, so one pass is as
 * good as two however far the mean is from 0 (Chan et al. 1983, §3: shifted data). `value(item, i)` is number i.
 */
export const statistics = wgsl`
  const own = c / g;
  const size = own * h * w;

  fn value(item: i32, i: i32) -> f32 {
    return x_at((item / g * h * w + i / own) * c + item % g * own + i % own);
  }

  fn statistics(item: i32, lane: i32) -> vec2f {
    let near = reduce_sum(value(item, lane * ((size / 256) | 1) % size), lane) / 256;
    var sum = 0.0;
    var squares = 0.0;
    for (var i = lane; i < size; i += 256) {
      let d = value(item, i) - near;
      sum += d;
      squares += d * d;
    }
    let rest = reduce_sum(sum, lane) / f32(size);
    let variance = max(reduce_sum(squares, lane) / f32(size) - rest * rest, 0.0);
    return vec2f(near + rest, inverseSqrt(variance + eps));
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
