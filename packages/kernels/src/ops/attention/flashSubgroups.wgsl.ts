import { deviceClass } from "../../webgpu/deviceClass.ts";
import { ceilDiv, literal, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";
import { workgroupPlace } from "./workgroupPlace.wgsl.ts";

/** Each lane holds its share of 8 queries' sums. */
const largestHead = 256;

/**
 * FlashAttention without workgroup memory: a subgroup takes 8 queries and walks over the keys, four a lane. Queries,
 * and then the keys' weights, are handed around within the subgroup; logits never leave registers.
 */
export const flashSubgroups = wgslKernel({
  name: "attention.flashSubgroups",
  accepts(node, { caps: { subgroupSize } }) {
    const { d } = node.op.dims(node);
    if (subgroupSize === undefined) return "subgroups are not there, or of no fixed size";
    return d <= largestHead || `heads are ${d} wide, this kernel holds at most ${largestHead}`;
  },
  recommends(node, { caps }) {
    const { d } = node.op.dims(node);
    const widest = deviceClass(caps).widestSubgroupHead;
    return d <= widest || `heads are ${d} wide, and on this kind of device only those up to ${widest} are worth it`;
  },
  wide: (node) => (node.op.dims(node).d % 4 === 0 ? ["k"] : []),
  enables: () => ["subgroups"],
  ordered: (_dims, { attrs }) => attrs.heads as number,
  workgroups: ({ n, t }, { attrs }) => n * (attrs.heads as number) * ceilDiv(t, 8),
  source({ header, node, wide, dims: { d }, context }) {
    const lanes = context.caps.subgroupSize!;
    const isRelu = node.attrs.kind === "relu";
    const quad = (key: number, channel: number) =>
      wide.length
        ? `k_at4(key_start[${key}] + c + ${channel})`
        : `vec4f(${[0, 1, 2, 3].map((i) => `k_at(key_start[${key}] + c + ${channel + i})`).join(", ")})`;
    const four = [0, 1, 2, 3];
    const logits = Array.from(
      { length: lanes / 4 },
      (_, quarter) => wgsl`
        {
          let k = mat4x4f(${four.map((key) => quad(key, 4 * quarter)).join(", ")});
          ${four
            .map(
              (i) => wgsl`
                let k${i} = vec4f(k[0][${i}], k[1][${i}], k[2][${i}], k[3][${i}]);
                for (var r = 0; r < 8; r++) { logit[r] += subgroupBroadcast(x[r], ${4 * quarter + i}) * k${i}; }`,
            )
            .join("\n")}
        }`,
    ).join("\n");
    const values = Array.from(
      { length: lanes },
      (_, owner) => wgsl`
        {
          let place = (b * s + min(first + ${4 * owner} + i, s - 1)) * e + first_channel + lane;
          var value = array<f32, each>();
          for (var j = 0; j < each; j++) { value[j] = v_at(place + j * lanes); }
          for (var r = 0; r < 8; r++) {
            let weight = subgroupBroadcast(own[r], ${owner});
            for (var j = 0; j < each; j++) { sum[r * each + j] += weight * value[j]; }
          }
        }`,
    ).join("\n");
    return wgsl`
      ${header}

      const lanes = ${lanes};
      const each = ${ceilDiv(d, lanes)}; // channels a lane
      const scale = ${literal(1 / Math.sqrt(d))};
      const hidden = -3.0e38;

      @compute @workgroup_size(lanes)
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) invocation: u32) {
        const blocks = (t + 7) / 8;
        let group = workgroup_index(id);
        if (group >= n * heads * blocks) { return; }
        ${workgroupPlace(8, context.isCounted(node))}
        let lane = i32(invocation);
        var largest = array<f32, 8>();
        var total = array<f32, 8>();
        var sum = array<f32, 8 * each>();
        for (var r = 0; r < 8; r++) { largest[r] = hidden; }
        var end = s;
        if (causal) { end = min(s, first_query + 8); }

        for (var first = 0; first < end; first += 4 * lanes) {
          // Logits: a lane takes the keys first + 4 · lane … + 3.
          var key_start = array<i32, 4>();
          for (var i = 0; i < 4; i++) { key_start[i] = (b * s + min(first + 4 * lane + i, s - 1)) * e + first_channel; }
          var logit = array<vec4f, 8>();
          for (var c = 0; c < d; c += lanes) {
            var x = array<f32, 8>();
            for (var r = 0; r < 8; r++) {
              let value = q_at((b * t + min(first_query + r, t - 1)) * e + first_channel + c + lane);
              x[r] = select(0, value * scale, c + lane < d);
            }
            ${logits}
          }
          let keys = vec4i(first + 4 * lane) + vec4i(0, 1, 2, 3);
          for (var r = 0; r < 8; r++) {
            var unseen = keys >= vec4i(end);
            if (causal) { unseen |= keys > vec4i(first_query + r); }
            ${
              isRelu
                ? "logit[r] = select(max(logit[r], vec4f()), vec4f(), unseen);"
                : wgsl`
                  let seen = select(logit[r], vec4f(hidden), unseen);
                  let now = max(largest[r], subgroupMax(max(max(seen.x, seen.y), max(seen.z, seen.w))));
                  let kept = exp(max(largest[r] - now, -87));
                  logit[r] = select(exp(max(seen - now, vec4f(-87))), vec4f(), unseen);
                  total[r] = total[r] * kept + dot(logit[r], vec4f(1));
                  for (var j = 0; j < each; j++) { sum[r * each + j] *= kept; }
                  largest[r] = now;`
            }
          }
          // Values: a lane takes the channels lane, lane + lanes …; keys come in the order in which lanes hold them.
          for (var i = 0; i < 4; i++) {
            var own = array<f32, 8>();
            for (var r = 0; r < 8; r++) { own[r] = logit[r][i]; }
            ${values}
          }
        }

        for (var r = 0; r < 8; r++) {
          let share = 1 / ${isRelu ? "f32(s)" : "subgroupAdd(total[r])"};
          for (var j = 0; j < each; j++) {
            if (first_query + r < t && lane + j * lanes < d) {
              write_y(b, first_query + r, first_channel + lane + j * lanes, sum[r * each + j] * share);
            }
          }
        }
      }`;
  },
});
