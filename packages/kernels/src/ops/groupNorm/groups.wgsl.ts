import { reduce } from "../../webgpu/reduce.wgsl.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { stagedKernel, wgslKernel } from "../../webgpu/wgslKernel.ts";
import { statistics } from "../groupStats/groups.wgsl.ts";

/** Numbers of a group that one workgroup may walk alone, three times over. */
const mostAlone = 2 ** 15;

/** One workgroup per picture and group: statistics, normalisation, affine and epilogue in one dispatch. */
export const alone = wgslKernel({
  name: "groupNorm.alone",
  accepts: () => true,
  recommends(node) {
    const { c, g, h, w } = node.op.dims(node);
    const size = (c / g) * h * w;
    return size <= mostAlone || `a group of ${size} numbers is too much for one workgroup`;
  },
  workgroups: ({ n, g }) => n * g,
  source: ({ header }) => wgsl`
    ${header}
    ${reduce(256)}
    ${statistics}

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      let item = workgroup_index(id);
      if (item >= n * g) { return; }
      let lane = i32(local);
      let stats = statistics(item, lane);
      for (var i = lane; i < size; i += 256) {
        let channel = item % g * own + i % own;
        let pixel = i / own;
        let normal = (value(item, i) - stats.x) * stats.y;
        write_y(item / g, channel, pixel / w, pixel % w, normal * weight_at(channel) + bias_at(channel));
      }
    }`,
});

/** Statistics first, then a thread for every number, or for four. */
export const spread = stagedKernel({
  name: "groupNorm.spread",
  accepts: () => true,
  scratch: (node) => ({ stats: 16 * node.op.dims(node).n * node.op.dims(node).g }),
  stages: [
    {
      reads: ["x"],
      writes: "stats",
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
          if (local == 0) { stats_data[item] = vec4f(stats, 0, 0); }
        }`,
    },
    {
      reads: ["x", "stats", "weight", "bias"],
      wide: ({ shape }) => (shape[1] % 4 === 0 ? ["x", "weight", "bias", "y"] : []),
      workgroups: (_dims, { elements }) => ceilDiv(elements, 256),
      source({ header, wide, dims: { c, g } }) {
        const [four, width, own] = wide.length ? ["4", 4, c / g] : ["", 1, c / g];
        const stats = (group: string, i: number) => `stats_at((b * g + (${group}) / own) * 4 + ${i})`;
        /** Mean or scale of the groups of the channels at hand: four neighbours lie in two groups at most, or in four. */
        const each = (i: number): string => {
          if (width === 1) return stats("channel", i);
          if (own % 4 === 0) return `vec4f(${stats("channel", i)})`;
          if (own < 4) return `vec4f(${[0, 1, 2, 3].map((lane) => stats(`channel + ${lane}`, i)).join(", ")})`;
          return `select(vec4f(${stats("channel + 3", i)}), vec4f(${stats("channel", i)}), vec4(0, 1, 2, 3) < vec4(own - channel % own))`;
        };
        return wgsl`
          ${header}
          const own = c / g;

          @compute @workgroup_size(${256 / width})
          fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
            let at = workgroup_index(id) * 256 + i32(lane) * ${width};
            if (at >= n * c * h * w) { return; }
            let channel = at % c;
            let b = at / (c * h * w);
            let normal = (x_at${four}(at) - ${each(0)}) * ${each(1)};
            write${four}_y(b, channel, at / (c * w) % h, at / c % w, normal * weight_at${four}(channel) + bias_at${four}(channel));
          }`;
      },
    },
  ],
});

export const ladder = [alone, spread];
