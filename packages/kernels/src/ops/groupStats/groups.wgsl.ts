import type { Dims } from "../../graph/op.ts";
import { reduce } from "../../webgpu/reduce.wgsl.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { stagedKernel, type Stage } from "../../webgpu/wgslKernel.ts";

/**
 * WGSL that gives mean and 1 / √(variance + eps) of picture and group number `item` to all threads of a workgroup, from the
 * mean, squared deviations and count of each of its `parts`, which `part(item, i)` gives. Sums are of differences from the
 * mean of parts spread over the group, which lies near all of them, so one pass is as good as two however far the mean is
 * from 0 (Chan et al. 1983, §3: shifted data).
 */
export const statistics = (threads: number) => wgsl`
  ${reduce(threads)}

  fn statistics(item: i32, lane: i32) -> vec2f {
    let near = reduce_sum(part(item, lane * ((parts / ${threads}) | 1) % parts).x, lane) / ${threads};
    var sum = 0.0;
    var squares = 0.0;
    for (var i = lane; i < parts; i += ${threads}) {
      let p = part(item, i);
      let d = p.x - near;
      sum += p.z * d;
      squares += p.y + p.z * d * d;
    }
    let rest = reduce_sum(sum, lane) / f32(size);
    let variance = max(reduce_sum(squares, lane) / f32(size) - rest * rest, 0.0);
    return vec2f(near + rest, inverseSqrt(variance + eps));
  }`;

/** Blocks of `span` pixels, of which a thread sums `width` channels: some 2¹⁴ threads for a picture, which fill a GPU. */
function split({ n, c, h, w }: Dims) {
  const [width, four, type] = c % 4 === 0 ? [4, "4", "vec4f"] : [1, "", "f32"];
  const span = Math.max(8, ceilDiv(c * h * w, 2 ** 16));
  const blocks = ceilDiv(h * w, span);
  const threads = (n * blocks * c) / width;
  const constants = Object.entries({ width, span, blocks, threads }).map(([name, v]) => `const ${name} = ${v};`);
  return { four, type, threads, constants: constants.join("\n") };
}

/** Sums by channel over blocks of pixels, in whole cache lines, then by group; `write` hands on the `stats` of `item`. */
export const stages = (write: string, writes?: string): readonly Stage[] => [
  {
    reads: ["x"],
    writes: "sums",
    wide: ({ inputs: { x } }) => (x.shape[1] % 4 === 0 ? ["x"] : []),
    workgroups: (dims) => ceilDiv(split(dims).threads, 64),
    source({ header, dims }) {
      const { four, type, constants } = split(dims);
      return wgsl`
      ${header}
      ${constants}

      @compute @workgroup_size(64)
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
        let item = workgroup_index(id) * 64 + i32(lane);
        if (item >= threads) { return; }
        let block = item / (c / width);
        let first = block % blocks * span;
        let end = min(first + span, h * w);
        let x = block / blocks * h * w * c + item % (c / width) * width;
        let pivot = x_at${four}(x + first * c);
        var sum = ${type}();
        var squares = ${type}();
        for (var pixel = first; pixel < end; pixel++) {
          let d = x_at${four}(x + pixel * c) - pivot;
          sum += d;
          squares += d * d;
        }
        let mean = sum / f32(end - first);
        sums_data[2 * item] = vec4f(pivot + mean);
        sums_data[2 * item + 1] = vec4f(squares - mean * sum);
      }`;
    },
  },
  {
    reads: ["sums"],
    writes,
    workgroups: ({ n, g }) => n * g,
    source: ({ header, dims }) => wgsl`
      ${header}
      ${split(dims).constants}
      const own = c / g;
      const size = own * h * w;
      const parts = own * blocks;

      fn part(item: i32, i: i32) -> vec3f {
        let channel = item % g * own + i % own;
        let block = i / own;
        let at = ((item / g * blocks + block) * (c / width) + channel / width) * 8 + channel % width;
        return vec3f(sums_at(at), sums_at(at + 4), f32(min(span, h * w - block * span)));
      }
      ${statistics(64)}

      @compute @workgroup_size(64)
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
        let item = workgroup_index(id);
        if (item >= n * g) { return; }
        let stats = statistics(item, i32(local));
        if (local == 0) { ${write} }
      }`,
  },
];

export const groups = stagedKernel({
  name: "groupStats.groups",
  accepts: () => true,
  scratch: (node) => ({ sums: 32 * split(node.op.dims(node)).threads }),
  stages: stages("write_y(item / g, item % g, 0, stats.x); write_y(item / g, item % g, 1, stats.y);"),
});

export const ladder = [groups];
