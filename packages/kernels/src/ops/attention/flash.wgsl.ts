import { ceilDiv, literal, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";
import { workgroupPlace } from "./workgroupPlace.wgsl.ts";

const largestHead = 512;
/** Queries per workgroup: as many as keep their tile within 8 KiB of workgroup memory. */
const queryTile = (d: number) => [32, 16, 8].find((queries) => queries * 4 * ceilDiv(d, 4) <= 2048) ?? 4;

/**
 * One workgroup per picture, head and tile of queries walks over tiles of 32 keys and keeps each query's largest logit,
 * sum and weighted values so far (Milakov & Gimelshein 2018; Dao et al. 2022, Algorithm 1): logits are never stored.
 * Works in 16 KiB of workgroup memory.
 */
export const flash = wgslKernel({
  name: "attention.flash",
  accepts(node) {
    const { d } = node.op.dims(node);
    return d <= largestHead || `heads are ${d} wide, this kernel holds at most ${largestHead}`;
  },
  wide: (node) => (node.op.dims(node).d % 4 === 0 ? ["q", "k", "v", "y"] : []),
  ordered: (_dims, { attrs }) => attrs.heads as number,
  workgroups: ({ n, t, d }, { attrs }) => n * (attrs.heads as number) * ceilDiv(t, queryTile(d)),
  source({ header, wide, node, dims: { d }, context }) {
    const queries = queryTile(d);
    const quads = ceilDiv(d, 4);
    const isWide = wide.length > 0;
    const isRelu = node.attrs.kind === "relu";
    const load = (name: string) =>
      isWide
        ? wgsl`return ${name}_at4(place + c * 4);`
        : wgsl`
          var value = vec4f();
          for (var lane = 0; lane < min(4, d - c * 4); lane++) { value[lane] = ${name}_at(place + c * 4 + lane); }
          return value;`;
    return wgsl`
      ${header}

      const quads = ${quads}; // vectors per head
      const queries = ${queries};
      const keys = 32;
      const half = queries / 2;
      const units = queries / 4 * quads; // of 4 queries × 4 channels
      const units_each = (units + 63) / 64;
      const scale = ${literal(1 / Math.sqrt(d))};
      const hidden = -3.0e38;

      var<workgroup> q_tile: array<vec4f, queries * quads>;
      var<workgroup> weights: array<f32, queries * keys>;
      var<workgroup> largest: array<f32, queries>;
      var<workgroup> total: array<f32, queries>;
      var<workgroup> kept: array<f32, queries>;

      fn q_quad(place: i32, c: i32) -> vec4f {
        ${load("q")}
      }
      fn k_quad(place: i32, c: i32) -> vec4f {
        ${load("k")}
      }
      fn v_quad(place: i32, c: i32) -> vec4f {
        ${load("v")}
      }

      @compute @workgroup_size(64)
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
        const blocks = (t + queries - 1) / queries;
        let group = workgroup_index(id);
        if (group >= n * heads * blocks) { return; }
        ${workgroupPlace("queries", context.isCounted(node))}
        let lane = i32(local);

        for (var i = lane; i < queries * quads; i += 64) {
          let query = first_query + i / quads;
          var value = vec4f();
          if (query < t) { value = q_quad((b * t + query) * e + first_channel, i % quads) * scale; }
          q_tile[i] = value;
        }
        if (lane < queries) {
          largest[lane] = hidden;
          total[lane] = 0;
        }
        workgroupBarrier();

        var sum = array<vec4f, units_each * 4>();
        var end = s;
        if (causal) { end = min(s, first_query + queries); }
        for (var first = 0; first < end; first += keys) {
          // Logits: a thread takes one key and half of the queries.
          let key = first + lane % keys;
          let own = lane / keys * half;
          var logit = array<f32, half>();
          if (key < end) {
            let place = (b * s + key) * e + first_channel;
            for (var c = 0; c < quads; c++) {
              let value = k_quad(place, c);
              for (var i = 0; i < half; i++) { logit[i] += dot(q_tile[(own + i) * quads + c], value); }
            }
          }
          for (var i = 0; i < half; i++) {
            let seen = key < end && (!causal || key <= first_query + own + i);
            weights[(own + i) * keys + lane % keys] = select(hidden, logit[i], seen);
          }
          workgroupBarrier();

          // Weights: a thread takes one query.
          if (lane < queries) {
            ${
              isRelu
                ? wgsl`
                  for (var j = lane * keys; j < (lane + 1) * keys; j++) { weights[j] = max(weights[j], 0); }
                  kept[lane] = 1;
                  total[lane] = s;`
                : wgsl`
                  let before = largest[lane];
                  var now = before;
                  for (var j = lane * keys; j < (lane + 1) * keys; j++) { now = max(now, weights[j]); }
                  var added = 0.0;
                  for (var j = lane * keys; j < (lane + 1) * keys; j++) {
                    let weight = select(exp(max(weights[j] - now, -87)), 0, weights[j] == hidden);
                    weights[j] = weight;
                    added += weight;
                  }
                  kept[lane] = exp(max(before - now, -87));
                  total[lane] = total[lane] * kept[lane] + added;
                  largest[lane] = now;`
            }
          }
          workgroupBarrier();

          // Values: a thread takes 4 queries × 4 channels, or several such units.
          for (var m = 0; m < units_each; m++) {
            let unit = lane + m * 64;
            if (unit >= units) { break; }
            let query = unit / quads * 4;
            for (var i = 0; i < 4; i++) { sum[m * 4 + i] *= kept[query + i]; }
            for (var j = 0; j < min(keys, end - first); j++) {
              let value = v_quad((b * s + first + j) * e + first_channel, unit % quads);
              for (var i = 0; i < 4; i++) { sum[m * 4 + i] += weights[(query + i) * keys + j] * value; }
            }
          }
          workgroupBarrier();
        }

        for (var m = 0; m < units_each; m++) {
          let unit = lane + m * 64;
          if (unit >= units) { break; }
          let c = unit % quads * 4;
          for (var i = 0; i < 4; i++) {
            let query = unit / quads * 4 + i;
            if (first_query + query >= t) { break; }
            let value = sum[m * 4 + i] / total[query];
            ${
              isWide
                ? wgsl`write4_y(b, first_query + query, first_channel + c, value);`
                : wgsl`
                  for (var lane4 = 0; lane4 < min(4, d - c); lane4++) {
                    write_y(b, first_query + query, first_channel + c + lane4, value[lane4]);
                  }`
            }
          }
        }
      }`;
  },
});
