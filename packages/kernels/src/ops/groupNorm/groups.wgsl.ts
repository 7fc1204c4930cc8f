import { deviceClass } from "../../webgpu/deviceClass.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { stagedKernel, wgslKernel } from "../../webgpu/wgslKernel.ts";
import { stage as affine } from "../affine/direct.wgsl.ts";
import { groups, stages, statistics } from "../groupStats/groups.wgsl.ts";

/** Numbers of a group that one workgroup may walk alone, three times over. */
const mostAlone = 2 ** 15;

/** One workgroup per picture and group: statistics, normalisation, affine and epilogue in one dispatch. */
export const alone = wgslKernel({
  name: "groupNorm.alone",
  accepts: () => true,
  recommends(node, { caps }) {
    if (!deviceClass(caps).fastWorkgroupMemory) return "workgroup memory is slow here";
    const { c, g, h, w } = node.op.dims(node);
    const size = (c / g) * h * w;
    return size <= mostAlone || `a group of ${size} numbers is too much for one workgroup`;
  },
  workgroups: ({ n, g }) => n * g,
  source: ({ header }) => wgsl`
    ${header}
    const own = c / g;
    const size = own * h * w;
    const parts = size;

    fn part(item: i32, i: i32) -> vec3f {
      return vec3f(x_at((item / g * h * w + i / own) * c + item % g * own + i % own), 0, 1);
    }
    ${statistics(256)}

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      let item = workgroup_index(id);
      if (item >= n * g) { return; }
      let lane = i32(local);
      let stats = statistics(item, lane);
      for (var i = lane; i < size; i += 256) {
        let channel = item % g * own + i % own;
        let pixel = i / own;
        let normal = (part(item, i).x - stats.x) * stats.y;
        write_y(item / g, channel, pixel / w, pixel % w, normal * weight_at(channel) + bias_at(channel));
      }
    }`,
});

/** `groupStats`, then `affine`. */
export const spread = stagedKernel({
  name: "groupNorm.spread",
  accepts: () => true,
  scratch: (node, context) => ({
    ...groups.scratch!(node, context),
    stats: 16 * node.op.dims(node).n * node.op.dims(node).g,
  }),
  stages: [
    ...stages("stats_data[item] = vec4f(stats, 0, 0);", "stats"),
    { ...affine(4), reads: ["x", "stats", "weight", "bias"] },
  ],
});

export const ladder = [alone, spread];
