import { expect, test } from "vitest";
import { passes } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import * as ops from "../ops/index.ts";
import { without } from "../options.ts";
import type { WeightDtype } from "../plan/kernel.ts";
import { plan } from "../plan/plan.ts";
import { guaranteed, type WebgpuCaps } from "./caps.ts";
import * as ladders from "./ladders.ts";
import type { WgslKernel } from "./wgslKernel.ts";

/** A device with everything; subgroups and matrices are small, so that shaders are short. */
const caps: WebgpuCaps = { ...guaranteed, f16: true, subgroupSize: 4, subgroupMatrix: { m: 8, n: 8, k: 8 } };

type Build = (g: Graph) => Tensor;
const conv3x3: Build = (g) =>
  ops.conv2d({ x: g.input("x", [1, 4, 3, 5]), weight: g.param("weight", [8, 4, 3, 3]) }, { pad: [1, 1, 1, 1] });
const linear: Build = (g) => ops.linear({ x: g.input("x", [9, 8]), weight: g.param("weight", [20, 8]) });
/** A gated linear unit of a projection, which is to be computed or is there. */
const geglu = (x: Tensor): Tensor => {
  const half = (begin: number) => ops.slice({ x }, { axis: 1, begin, end: begin + x.shape[1] / 2 });
  return ops.mul(half(0), ops.gelu(half(x.shape[1] / 2)));
};
const gatedLinear: Build = (g) => {
  const projection = ops.linear({ x: g.input("x", [9, 8]), weight: g.param("weight", [32, 8]) });
  return geglu(ops.add(projection, g.param("bias", [32])));
};
const attention: Build = (g) =>
  ops.attention(
    { q: g.input("q", [1, 9, 16]), k: g.input("k", [1, 7, 16]), v: g.input("v", [1, 7, 16]) },
    { heads: 2 },
  );
const norm = (g: Graph) => ({ weight: g.param("weight", [8]), bias: g.param("bias", [8]) });
const groupNorm: Build = (g) => {
  const x = g.input("x", [1, 8, 3, 5]);
  return ops.silu(ops.affine({ x, stats: ops.groupStats({ x }, { groups: 2 }), ...norm(g) }));
};
const layerNorm: Build = (g) => ops.layerNorm({ x: g.input("x", [5, 8]), ...norm(g) });
const at = (g: Graph) => g.input("at", [3, 2], "i32");
const tiles = (g: Graph) => ({
  tiles: g.input("tiles", [3, 4, 2, 2]),
  base: g.input("base", [1, 4, 6, 8]),
  map: g.input("map", [3, 4], "i32"),
});

/** What each kernel is to compute here. */
const cases: Readonly<Record<string, Build>> = {
  "affine.direct": (g) => ops.affine({ x: g.input("x", [1, 8, 3, 5]), stats: g.input("stats", [1, 2, 2]), ...norm(g) }),
  "attention.flash": attention,
  "attention.flashSubgroups": attention,
  "attention.partiallyFused": attention,
  "concat.copy": (g) => ops.concat({ a: g.input("a", [1, 4, 3, 5]), b: g.input("b", [1, 2, 3, 5]) }, { axis: 1 }),
  "conv2d.depthwise": (g) =>
    ops.conv2d(
      { x: g.input("x", [1, 8, 3, 5]), weight: g.param("weight", [8, 1, 3, 3]) },
      { groups: 8, pad: [1, 1, 1, 1] },
    ),
  "conv2d.direct": (g) =>
    ops.conv2d({ x: g.input("x", [1, 4, 3, 5]), weight: g.param("weight", [6, 2, 2, 3]) }, { groups: 2 }),
  "conv2d.implicitGemm": conv3x3,
  "conv2d.implicitGemmRegisters": conv3x3,
  "conv2d.implicitGemmSubgroupMatrix": conv3x3,
  "conv2d.implicitGemmSubgroups": conv3x3,
  "conv2d.winograd2": conv3x3,
  "conv2d.winograd4": conv3x3,
  "conv2d.winograd6": conv3x3,
  "embed.gather": (g) => ops.embed({ ids: g.input("ids", [5], "i32"), table: g.param("table", [10, 8]) }),
  "gated.direct": (g) => geglu(g.input("x", [5, 16])),
  "gatedLinear.tiled": gatedLinear,
  "gatedLinear.tiledRegisters": gatedLinear,
  "gatedLinear.tiledSubgroupMatrix": gatedLinear,
  "gatedLinear.tiledSubgroups": gatedLinear,
  "gather.direct": (g) => ops.gather({ x: g.input("x", [1, 4, 6, 8]), at: at(g) }, { size: 4, shift: [-1, -1] }),
  "groupNorm.alone": groupNorm,
  "groupNorm.spread": groupNorm,
  "groupStats.groups": (g) => ops.groupStats({ x: g.input("x", [1, 8, 3, 5]) }, { groups: 2 }),
  "inside.direct": (g) => ops.inside({ x: g.input("x", [3, 4, 2, 2]), at: at(g) }, { height: 6, width: 8 }),
  "layerNorm.rows": layerNorm,
  "layerNorm.subgroups": layerNorm,
  "linear.direct": linear,
  "linear.tiled": linear,
  "linear.tiledRegisters": linear,
  "linear.tiledSubgroupMatrix": linear,
  "linear.tiledSubgroups": linear,
  "pointwise.direct": (g) => ops.silu(ops.add(g.input("a", [2, 8]), g.input("b", [8]))),
  "pool.window": (g) => ops.pool({ x: g.input("x", [1, 4, 6, 8]) }, { kind: "mean" }),
  "reshape.copy": (g) => ops.reshape({ x: g.input("x", [1, 4, 3, 5]) }, { shape: [12, 5] }),
  "scatter.direct": (g) => ops.scatter(tiles(g)),
  "scatterGather.direct": (g) => ops.scatterGather({ ...tiles(g), at: at(g) }, { size: 4, shift: [-1, -1] }),
  "slice.copy": (g) => ops.slice({ x: g.input("x", [2, 8]) }, { axis: 1, begin: 2, end: 5 }),
  "softmax.rows": (g) => ops.softmax({ x: g.input("x", [5, 77]) }),
  "upsample.nearest": (g) => ops.upsample({ x: g.input("x", [1, 4, 3, 5]) }, { height: 6, width: 10 }),
};

test("each kernel of each ladder is here", () => {
  const written = Object.values(ladders).flatMap((ladder) => ladder.filter((kernel) => "shaders" in kernel));
  expect(Object.keys(cases)).toEqual([...new Set(written.map(({ name }) => name))].toSorted());
});

/** The shaders of a kernel on its case, without what the header generates for the shapes at hand. */
function shader(name: string): string {
  const graph = new Graph();
  graph.output("y", cases[name](graph));
  const others = Object.values(ladders).flatMap((ladder) =>
    ladder.some((kernel) => kernel.name === name)
      ? ladder.map((kernel) => kernel.name).filter((other) => other !== name)
      : [],
  );
  const storage: WeightDtype = name.endsWith("Matrix") ? "f16" : "f32";
  const lowered = passes({ maxBindings: 8, ladders }, without(...others)).reduce((g, p) => p.apply(g), graph);
  const target = { caps, ladders, memoryUnit: "blocks" } as const;
  const { calls, context } = plan(lowered, target, without(...others), () => storage);
  expect(calls.map(({ kernel }) => kernel.name)).toEqual([name]);
  return (calls[0].kernel as WgslKernel)
    .shaders(calls[0].node, context)
    .map(({ code }) => code.replace(/^const [^]*?fn workgroup_index.*\n/m, ""))
    .join("\n// Then\n");
}

test("affine.direct", () => {
  expect(shader("affine.direct")).toMatchInlineSnapshot(`
    "
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let first = workgroup_index(id) * 256;
      let end = min(first + 256, 120);
      for (var at = first + i32(lane) * 4; at < end; at += 256) {
        let ch = at % c;
        let b = at / (c * h * w);
        let normal = (x_at4(at) - vec4f(stats_at((b * g + (ch + 0) / (c / g)) * 2 + 0))) * vec4f(stats_at((b * g + (ch + 0) / (c / g)) * 2 + 1));
        write4_y(b, ch, at / (c * w) % h, at / c % w, normal * weight_at4(ch) + bias_at4(ch));
      }
    }
    "
  `);
});

test("attention.flash", () => {
  expect(shader("attention.flash")).toMatchInlineSnapshot(`
    "
    const quads = 2; // vectors per head
    const queries = 32;
    const keys = 32;
    const half = queries / 2;
    const units = queries / 4 * quads; // of 4 queries × 4 channels
    const units_each = (units + 63) / 64;
    const scale = 0.35355339059327373;
    const hidden = -3.0e38;

    var<workgroup> q_tile: array<vec4f, queries * quads>;
    var<workgroup> weights: array<f32, queries * keys>;
    var<workgroup> largest: array<f32, queries>;
    var<workgroup> total: array<f32, queries>;
    var<workgroup> kept: array<f32, queries>;

    fn q_quad(place: i32, c: i32) -> vec4f {
      return q_at4(place + c * 4);
    }
    fn k_quad(place: i32, c: i32) -> vec4f {
      return k_at4(place + c * 4);
    }
    fn v_quad(place: i32, c: i32) -> vec4f {
      return v_at4(place + c * 4);
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const blocks = (t + queries - 1) / queries;
      let group = workgroup_index(id);
      if (group >= n * heads * blocks) { return; }
      let first_query = group % blocks * queries;
      let first_channel = group / blocks % heads * d;
      let b = group / (blocks * heads);
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
          largest[lane] = now;
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
          write4_y(b, first_query + query, first_channel + c, value);
        }
      }
    }
    "
  `);
});

test("attention.flashSubgroups", () => {
  expect(shader("attention.flashSubgroups")).toMatchInlineSnapshot(`
    "enable subgroups;

    const lanes = 4;
    const each = 2; // channels a lane
    const scale = 0.35355339059327373;
    const hidden = -3.0e38;

    @compute @workgroup_size(lanes)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) invocation: u32) {
      const blocks = (t + 7) / 8;
      let group = workgroup_index(id);
      if (group >= n * heads * blocks) { return; }
      let first_query = group % blocks * 8;
      let first_channel = group / blocks % heads * d;
      let b = group / (blocks * heads);
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
          {
            let k = mat4x4f(k_at4(key_start[0] + c + 0), k_at4(key_start[1] + c + 0), k_at4(key_start[2] + c + 0), k_at4(key_start[3] + c + 0));
            let k0 = vec4f(k[0][0], k[1][0], k[2][0], k[3][0]);
            for (var r = 0; r < 8; r++) { logit[r] += subgroupBroadcast(x[r], 0) * k0; }
            let k1 = vec4f(k[0][1], k[1][1], k[2][1], k[3][1]);
            for (var r = 0; r < 8; r++) { logit[r] += subgroupBroadcast(x[r], 1) * k1; }
            let k2 = vec4f(k[0][2], k[1][2], k[2][2], k[3][2]);
            for (var r = 0; r < 8; r++) { logit[r] += subgroupBroadcast(x[r], 2) * k2; }
            let k3 = vec4f(k[0][3], k[1][3], k[2][3], k[3][3]);
            for (var r = 0; r < 8; r++) { logit[r] += subgroupBroadcast(x[r], 3) * k3; }
          }
        }
        let keys = vec4i(first + 4 * lane) + vec4i(0, 1, 2, 3);
        for (var r = 0; r < 8; r++) {
          var unseen = keys >= vec4i(end);
          if (causal) { unseen |= keys > vec4i(first_query + r); }
          let seen = select(logit[r], vec4f(hidden), unseen);
          let now = max(largest[r], subgroupMax(max(max(seen.x, seen.y), max(seen.z, seen.w))));
          let kept = exp(max(largest[r] - now, -87));
          logit[r] = select(exp(max(seen - now, vec4f(-87))), vec4f(), unseen);
          total[r] = total[r] * kept + dot(logit[r], vec4f(1));
          for (var j = 0; j < each; j++) { sum[r * each + j] *= kept; }
          largest[r] = now;
        }
        // Values: a lane takes the channels lane, lane + lanes …; keys come in the order in which lanes hold them.
        for (var i = 0; i < 4; i++) {
          var own = array<f32, 8>();
          for (var r = 0; r < 8; r++) { own[r] = logit[r][i]; }
          {
            let place = (b * s + min(first + 0 + i, s - 1)) * e + first_channel + lane;
            var value = array<f32, each>();
            for (var j = 0; j < each; j++) { value[j] = v_at(place + j * lanes); }
            for (var r = 0; r < 8; r++) {
              let weight = subgroupBroadcast(own[r], 0);
              for (var j = 0; j < each; j++) { sum[r * each + j] += weight * value[j]; }
            }
          }
          {
            let place = (b * s + min(first + 4 + i, s - 1)) * e + first_channel + lane;
            var value = array<f32, each>();
            for (var j = 0; j < each; j++) { value[j] = v_at(place + j * lanes); }
            for (var r = 0; r < 8; r++) {
              let weight = subgroupBroadcast(own[r], 1);
              for (var j = 0; j < each; j++) { sum[r * each + j] += weight * value[j]; }
            }
          }
          {
            let place = (b * s + min(first + 8 + i, s - 1)) * e + first_channel + lane;
            var value = array<f32, each>();
            for (var j = 0; j < each; j++) { value[j] = v_at(place + j * lanes); }
            for (var r = 0; r < 8; r++) {
              let weight = subgroupBroadcast(own[r], 2);
              for (var j = 0; j < each; j++) { sum[r * each + j] += weight * value[j]; }
            }
          }
          {
            let place = (b * s + min(first + 12 + i, s - 1)) * e + first_channel + lane;
            var value = array<f32, each>();
            for (var j = 0; j < each; j++) { value[j] = v_at(place + j * lanes); }
            for (var r = 0; r < 8; r++) {
              let weight = subgroupBroadcast(own[r], 3);
              for (var j = 0; j < each; j++) { sum[r * each + j] += weight * value[j]; }
            }
          }
        }
      }

      for (var r = 0; r < 8; r++) {
        let share = 1 / subgroupAdd(total[r]);
        for (var j = 0; j < each; j++) {
          if (first_query + r < t && lane + j * lanes < d) {
            write_y(b, first_query + r, first_channel + lane + j * lanes, sum[r * each + j] * share);
          }
        }
      }
    }
    "
  `);
});

test("attention.partiallyFused", () => {
  expect(shader("attention.partiallyFused")).toMatchInlineSnapshot(`
    "
    const floats = 64; // of one matrix
    const width = 8; // columns in a panel
    const height = 8;

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = (workgroup_index(id) * 64 + i32(lane)) * 4;
      if (at >= 2 * floats) { return; }
      let matrix = at / floats;
      let place = at % floats;
      let row = place / width % height;
      let column = place / (width * height) * width + place % width;
      var value = vec4f();
      for (var i = 0; i < 4; i++) {
        if (row < 8 && column + i < 7) {
          value[i] = read_k(matrix / heads, column + i, matrix % heads * 8 + row);
        }
      }
      keys_data[at / 4] = value;
    }

    // Then

    const floats = 56; // of one matrix
    const width = 8; // columns in a panel
    const height = 7;

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = (workgroup_index(id) * 64 + i32(lane)) * 4;
      if (at >= 2 * floats) { return; }
      let matrix = at / floats;
      let place = at % floats;
      let row = place / width % height;
      let column = place / (width * height) * width + place % width;
      var value = vec4f();
      for (var i = 0; i < 4; i++) {
        if (row < 7 && column + i < 8) {
          value[i] = read_v(matrix / heads, row, matrix % heads * 8 + column + i);
        }
      }
      values_data[at / 4] = value;
    }

    // Then

    const depth = d;
    const scale = 0.35355339059327373;

    fn x_at(i: i32) -> f32 { return q_at(i); }
    fn x_at4(i: i32) -> vec4f { return q_at4(i); }
    fn weight_at4(i: i32) -> vec4f { return keys_at4(i); }
    fn row_start(row: i32, tap: i32) -> i32 {
      return (row / height / heads * t + min(row % height, t - 1)) * e + row / height % heads * d;
    }
    fn write_row(row: i32, column: i32, value: vec4f) {
      let keys = vec4i(column) + vec4i(0, 1, 2, 3);
      var unseen = keys >= vec4i(s);
      if (causal) { unseen |= keys > vec4i(row % height); }
      logits_data[(row * width + column) / 4] = select(value * scale, vec4f(-3.0e38), unseen);
    }

    const rows = 128;
    const columns = s;
    const taps = 1;
    const band = 1;
    const height = 64; // queries of a head, with padding
    const width = 8; // logits of a query, with padding

    fn weight_matrix(row: i32) -> i32 { return row / height; }

    var<workgroup> x_tile: array<array<vec4f, 4>, 64>;
    var<workgroup> weight_tile: array<array<vec4f, 16>, 16>;

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let lane = i32(local);
      let load_row = lane / 4;
      let load_channel = lane % 4 * 4;
      let weight_row = lane / 16;
      let weight_column = first_column + lane % 16 * 4;
      let row = lane / 16 * 4;
      let column = lane % 16;
      var sum = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = -1;
        if (first_row + load_row < rows) { start = row_start(first_row + load_row, tap); }
        for (var channel = 0; channel < depth; channel += 16) {
          var x = vec4f();
          if (start >= 0 && channel + load_channel < depth) { x = x_at4(start + channel + load_channel); }
          var weight = vec4f();
          if (channel + weight_row < depth && weight_column < weight_width) {
            weight = weight_at4((matrix + tap * depth + channel + weight_row) * weight_width + weight_column);
          }
          workgroupBarrier();
          x_tile[load_row][lane % 4] = x;
          weight_tile[weight_row][lane % 16] = weight;
          workgroupBarrier();
          for (var k = 0; k < 4; k++) {
            let w0 = weight_tile[k * 4][column];
            let w1 = weight_tile[k * 4 + 1][column];
            let w2 = weight_tile[k * 4 + 2][column];
            let w3 = weight_tile[k * 4 + 3][column];
            for (var r = 0; r < 4; r++) {
              let v = x_tile[row + r][k];
              sum[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
            }
          }
        }
      }
      if (first_column + column * 4 < columns) {
        for (var r = 0; r < 4; r++) {
          if (first_row + row + r < rows) { write_row(first_row + row + r, first_column + column * 4, sum[r]); }
        }
      }
    }

    // Then
    var<workgroup> partial: array<f32, 64>;
    fn reduce_sum(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 32; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = partial[lane] + partial[lane + half]; }
      }
      workgroupBarrier();
      return partial[0];
    }
    fn reduce_max(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 32; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
      }
      workgroupBarrier();
      return partial[0];
    }

    const rows = 128;
    const quads = 2;

    // One workgroup per row: its largest logit and the sum of exponentials below it.
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      let row = workgroup_index(id);
      if (row >= rows) { return; }
      let lane = i32(local);
      var most = vec4f(-3.0e38);
      for (var i = lane; i < quads; i += 64) { most = max(most, logits_at4((row * quads + i) * 4)); }
      let largest = reduce_max(max(max(most.x, most.y), max(most.z, most.w)), lane);
      var sum = vec4f();
      for (var i = lane; i < quads; i += 64) {
        sum += exp(max(logits_at4((row * quads + i) * 4) - largest, vec4f(-87)));
      }
      let total = reduce_sum(dot(sum, vec4f(1)), lane);
      if (lane == 0) { sums_data[row] = vec4f(largest, total, 0, 0); }
    }

    // Then

    const depth = s;

    fn x_at(i: i32) -> f32 { return exp(max(logits_at(i) - sums_at(i / width * 4), -87)); }
    fn x_at4(i: i32) -> vec4f { return exp(max(logits_at4(i) - sums_at(i / width * 4), vec4f(-87))); }
    fn weight_at4(i: i32) -> vec4f { return values_at4(i); }
    fn row_start(row: i32, tap: i32) -> i32 { return row * width; }
    fn write_row(row: i32, column: i32, sum: vec4f) {
      if (row % height >= t) { return; }
      let value = sum / sums_at(row * 4 + 1);
      let first_channel = row / height % heads * d;
      write4_y(row / height / heads, row % height, first_channel + column, value);
    }

    const rows = 128;
    const columns = d;
    const taps = 1;
    const band = 1;
    const height = 64; // queries of a head, with padding
    const width = 8; // logits of a query, with padding

    fn weight_matrix(row: i32) -> i32 { return row / height; }

    var<workgroup> x_tile: array<array<vec4f, 4>, 64>;
    var<workgroup> weight_tile: array<array<vec4f, 16>, 16>;

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let lane = i32(local);
      let load_row = lane / 4;
      let load_channel = lane % 4 * 4;
      let weight_row = lane / 16;
      let weight_column = first_column + lane % 16 * 4;
      let row = lane / 16 * 4;
      let column = lane % 16;
      var sum = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = -1;
        if (first_row + load_row < rows) { start = row_start(first_row + load_row, tap); }
        for (var channel = 0; channel < depth; channel += 16) {
          var x = vec4f();
          if (start >= 0 && channel + load_channel < depth) { x = x_at4(start + channel + load_channel); }
          var weight = vec4f();
          if (channel + weight_row < depth && weight_column < weight_width) {
            weight = weight_at4((matrix + tap * depth + channel + weight_row) * weight_width + weight_column);
          }
          workgroupBarrier();
          x_tile[load_row][lane % 4] = x;
          weight_tile[weight_row][lane % 16] = weight;
          workgroupBarrier();
          for (var k = 0; k < 4; k++) {
            let w0 = weight_tile[k * 4][column];
            let w1 = weight_tile[k * 4 + 1][column];
            let w2 = weight_tile[k * 4 + 2][column];
            let w3 = weight_tile[k * 4 + 3][column];
            for (var r = 0; r < 4; r++) {
              let v = x_tile[row + r][k];
              sum[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
            }
          }
        }
      }
      if (first_column + column * 4 < columns) {
        for (var r = 0; r < 4; r++) {
          if (first_row + row + r < rows) { write_row(first_row + row + r, first_column + column * 4, sum[r]); }
        }
      }
    }
    "
  `);
});

test("concat.copy", () => {
  expect(shader("concat.copy")).toMatchInlineSnapshot(`
    "
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let first = workgroup_index(id) * 64;
      let end = min(first + 64, 90);
      for (var at = first + i32(lane) * 1; at < end; at += 64) {
        if (at / 1 % 6 < 4) {
          y_data[at] = a_at(at / 6 * 4 + at % 6);
        } else {
          y_data[at] = b_at(at / 6 * 2 + at % 6 - 4);
        }
      }
    }
    "
  `);
});

test("conv2d.depthwise", () => {
  expect(shader("conv2d.depthwise")).toMatchInlineSnapshot(`
    "
    const strips = (wo + 3) / 4; // of a line

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at >= n * ho * strips * (co / 4)) { return; }
      let channel = at % (co / 4) * 4;
      let j = at / (co / 4) % strips * 4;
      let i = at / (co / 4 * strips) % ho;
      let b = at / (co / 4 * strips * ho);
      let left = j * stride - pad[1];
      var sum = array<vec4f, 4>();
      for (var r = 0; r < kh; r++) {
        let row = i * stride + r * dilation - pad[0];
        if (row < 0 || row >= h) { continue; }
        let line = (b * h + row) * w * ci + channel;
        let w0 = weight_at4((r * kw + 0) * co + channel);
        let w1 = weight_at4((r * kw + 1) * co + channel);
        let w2 = weight_at4((r * kw + 2) * co + channel);
        if (left + 0 >= 0 && left + 0 < w) {
          let v = x_at4(line + (left + 0) * ci);
          sum[0] += v * w0;
        }
        if (left + 1 >= 0 && left + 1 < w) {
          let v = x_at4(line + (left + 1) * ci);
          sum[0] += v * w1;
          sum[1] += v * w0;
        }
        if (left + 2 >= 0 && left + 2 < w) {
          let v = x_at4(line + (left + 2) * ci);
          sum[0] += v * w2;
          sum[1] += v * w1;
          sum[2] += v * w0;
        }
        if (left + 3 >= 0 && left + 3 < w) {
          let v = x_at4(line + (left + 3) * ci);
          sum[1] += v * w2;
          sum[2] += v * w1;
          sum[3] += v * w0;
        }
        if (left + 4 >= 0 && left + 4 < w) {
          let v = x_at4(line + (left + 4) * ci);
          sum[2] += v * w2;
          sum[3] += v * w1;
        }
        if (left + 5 >= 0 && left + 5 < w) {
          let v = x_at4(line + (left + 5) * ci);
          sum[3] += v * w2;
        }
      }
      for (var o = 0; o < min(4, wo - j); o++) { write4_y(b, channel, i, j + o, sum[o]); }
    }
    "
  `);
});

test("conv2d.direct", () => {
  expect(shader("conv2d.direct")).toMatchInlineSnapshot(`
    "
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at >= n * ho * wo * co) { return; }
      let o = at % co;
      let j = at / co % wo;
      let i = at / (co * wo) % ho;
      let b = at / (co * wo * ho);
      let first = o / (co / groups) * cg;
      var sum = 0.0;
      for (var r = 0; r < kh; r++) {
        let row = i * stride + r * dilation - pad[0];
        for (var s = 0; s < kw; s++) {
          let column = j * stride + s * dilation - pad[1];
          if (row < 0 || row >= h || column < 0 || column >= w) { continue; }
          for (var c = 0; c < cg; c++) {
            sum += read_x(b, first + c, row, column) * read_weight(o, c, r, s);
          }
        }
      }
      write_y(b, o, i, j, sum);
    }
    "
  `);
});

test("conv2d.implicitGemm", () => {
  expect(shader("conv2d.implicitGemm")).toMatchInlineSnapshot(`
    "
    const rows = n * ho * wo;
    const columns = co;
    const taps = kh * kw;
    const depth = ci;
    const band = 1;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 {
      let i = row / wo % ho * stride + tap / kw * dilation - pad[0];
      let j = row % wo * stride + tap % kw * dilation - pad[1];
      if (i < 0 || i >= h || j < 0 || j >= w) { return -1; }
      return ((row / (ho * wo) * h + i) * w + j) * ci;
    }

    fn write_row(row: i32, column: i32, value: vec4f) {
      let b = row / (ho * wo);
      let i = row / wo % ho;
      let j = row % wo;
      write4_y(b, column, i, j, value);
    }

    var<workgroup> x_tile: array<array<vec4f, 4>, 64>;
    var<workgroup> weight_tile: array<array<vec4f, 16>, 16>;

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let lane = i32(local);
      let load_row = lane / 4;
      let load_channel = lane % 4 * 4;
      let weight_row = lane / 16;
      let weight_column = first_column + lane % 16 * 4;
      let row = lane / 16 * 4;
      let column = lane % 16;
      var sum = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = -1;
        if (first_row + load_row < rows) { start = row_start(first_row + load_row, tap); }
        for (var channel = 0; channel < depth; channel += 16) {
          var x = vec4f();
          if (start >= 0 && channel + load_channel < depth) { x = x_at4(start + channel + load_channel); }
          var weight = vec4f();
          if (channel + weight_row < depth && weight_column < weight_width) {
            weight = weight_at4((matrix + tap * depth + channel + weight_row) * weight_width + weight_column);
          }
          workgroupBarrier();
          x_tile[load_row][lane % 4] = x;
          weight_tile[weight_row][lane % 16] = weight;
          workgroupBarrier();
          for (var k = 0; k < 4; k++) {
            let w0 = weight_tile[k * 4][column];
            let w1 = weight_tile[k * 4 + 1][column];
            let w2 = weight_tile[k * 4 + 2][column];
            let w3 = weight_tile[k * 4 + 3][column];
            for (var r = 0; r < 4; r++) {
              let v = x_tile[row + r][k];
              sum[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
            }
          }
        }
      }
      if (first_column + column * 4 < columns) {
        for (var r = 0; r < 4; r++) {
          if (first_row + row + r < rows) { write_row(first_row + row + r, first_column + column * 4, sum[r]); }
        }
      }
    }
    "
  `);
});

test("conv2d.implicitGemmRegisters", () => {
  expect(shader("conv2d.implicitGemmRegisters")).toMatchInlineSnapshot(`
    "
    const rows = n * ho * wo;
    const columns = co;
    const taps = kh * kw;
    const depth = ci;
    const band = 1;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 {
      let i = row / wo % ho * stride + tap / kw * dilation - pad[0];
      let j = row % wo * stride + tap % kw * dilation - pad[1];
      if (i < 0 || i >= h || j < 0 || j >= w) { return -1; }
      return ((row / (ho * wo) * h + i) * w + j) * ci;
    }

    fn write_row(row: i32, column: i32, value: vec4f) {
      let b = row / (ho * wo);
      let i = row / wo % ho;
      let j = row % wo;
      write4_y(b, column, i, j, value);
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 32;
      let row = first_row + i32(local) / 8 * 4;
      let column = tile / band % across * 64 + i32(local) % 8 * 8;
      if (row >= rows || column >= columns) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let both = column + 4 < weight_width;
      var left = array<vec4f, 4>();
      var right = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 4>();
        for (var r = 0; r < 4; r++) {
          start[r] = -1;
          if (row + r < rows) { start[r] = row_start(row + r, tap); }
        }
        for (var channel = 0; channel < depth; channel += 4) {
          var x = array<vec4f, 4>();
          for (var r = 0; r < 4; r++) {
            if (start[r] >= 0) { x[r] = x_at4(start[r] + channel); }
          }
          for (var k = 0; k < 4; k++) {
            let place = (matrix + tap * depth + channel + k) * weight_width + column;
            let l = weight_at4(place);
            for (var r = 0; r < 4; r++) { left[r] += x[r][k] * l; }
            if (both) {
              let w = weight_at4(place + 4);
              for (var r = 0; r < 4; r++) { right[r] += x[r][k] * w; }
            }
          }
        }
      }
      for (var r = 0; r < 4; r++) {
        if (row + r < rows) {
          write_row(row + r, column, left[r]);
          if (column + 4 < columns) { write_row(row + r, column + 4, right[r]); }
        }
      }
    }
    "
  `);
});

test("conv2d.implicitGemmSubgroupMatrix", () => {
  expect(shader("conv2d.implicitGemmSubgroupMatrix")).toMatchInlineSnapshot(`
    "enable f16;
    enable subgroups;
    enable chromium_experimental_subgroup_matrix;

    const rows = n * ho * wo;
    const columns = co;
    const taps = kh * kw;
    const depth = ci;
    const band = 1;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 {
      let i = row / wo % ho * stride + tap / kw * dilation - pad[0];
      let j = row % wo * stride + tap % kw * dilation - pad[1];
      if (i < 0 || i >= h || j < 0 || j >= w) { return -1; }
      return ((row / (ho * wo) * h + i) * w + j) * ci;
    }

    fn write_row(row: i32, column: i32, value: vec4f) {
      let b = row / (ho * wo);
      let i = row / wo % ho;
      let j = row % wo;
      write4_y(b, column, i, j, value);
    }

    const lanes = 4;
    const threads = 4 * lanes;

    var<workgroup> x_tile: array<f16, 1024>; // 64 rows
    var<workgroup> high_tile: array<f16, 1024>;
    var<workgroup> weight_tile: array<f16, 1024>; // 16 rows
    var<workgroup> results: array<f32, 1024>; // 8 rows of each subgroup

    fn own_result(place: i32) -> vec4f {
      return vec4f(results[place], results[place + 1], results[place + 2], results[place + 3]);
    }

    @compute @workgroup_size(threads)
    fn main(
      @builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32,
      @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) invocation: u32
    ) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let thread = i32(local);
      let quarter = i32(subgroup);
      let top = quarter / 2 * 32;
      let left = quarter % 2 * 32;
      let first_place = quarter * 256 + i32(invocation) * 4;
      var sum_0_0: subgroup_matrix_result<f32, 8, 8>;
      var high_0_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_0_1: subgroup_matrix_result<f32, 8, 8>;
      var high_0_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_0_2: subgroup_matrix_result<f32, 8, 8>;
      var high_0_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_0_3: subgroup_matrix_result<f32, 8, 8>;
      var high_0_3: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_0: subgroup_matrix_result<f32, 8, 8>;
      var high_1_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_1: subgroup_matrix_result<f32, 8, 8>;
      var high_1_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_2: subgroup_matrix_result<f32, 8, 8>;
      var high_1_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_3: subgroup_matrix_result<f32, 8, 8>;
      var high_1_3: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_0: subgroup_matrix_result<f32, 8, 8>;
      var high_2_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_1: subgroup_matrix_result<f32, 8, 8>;
      var high_2_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_2: subgroup_matrix_result<f32, 8, 8>;
      var high_2_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_3: subgroup_matrix_result<f32, 8, 8>;
      var high_2_3: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_0: subgroup_matrix_result<f32, 8, 8>;
      var high_3_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_1: subgroup_matrix_result<f32, 8, 8>;
      var high_3_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_2: subgroup_matrix_result<f32, 8, 8>;
      var high_3_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_3: subgroup_matrix_result<f32, 8, 8>;
      var high_3_3: subgroup_matrix_result<f32, 8, 8>;
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 16>();
        for (var i = 0; i < 16; i++) {
          let row = first_row + (thread + i * threads) / 4;
          start[i] = -1;
          if (row < rows) { start[i] = row_start(row, tap); }
        }
        for (var channel = 0; channel < depth; channel += 16) {
          workgroupBarrier();
          for (var i = 0; i < 16; i++) {
            let at = thread + i * threads;
            let own = channel + at % 4 * 4;
            var x = vec4f();
            if (start[i] >= 0 && own < depth) { x = x_at4(start[i] + own); }
            let high = vec4<f16>(x / 2048);
            let low = vec4<f16>(x - vec4f(high) * 2048);
            let row = channel + at / 16;
            let column = first_column + at % 16 * 4;
            var weight = vec4f();
            if (row < depth && column < weight_width) { weight = weight_at4((matrix + tap * depth + row) * weight_width + column); }
            let half_weight = vec4<f16>(weight);
            for (var lane = 0; lane < 4; lane++) {
              x_tile[at * 4 + lane] = low[lane];
              high_tile[at * 4 + lane] = high[lane];
              weight_tile[at * 4 + lane] = half_weight[lane];
            }
          }
          workgroupBarrier();
          {
            let x_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 0) * 16 + 0), 16);
            let x_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 8) * 16 + 0), 16);
            let x_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 16) * 16 + 0), 16);
            let x_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 24) * 16 + 0), 16);
            let h_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 0) * 16 + 0), 16);
            let h_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 8) * 16 + 0), 16);
            let h_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 16) * 16 + 0), 16);
            let h_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 24) * 16 + 0), 16);
            let w_0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 0), 64);
            let w_1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 8), 64);
            let w_2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 16), 64);
            let w_3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 24), 64);
            sum_0_0 = subgroupMatrixMultiplyAccumulate(x_0, w_0, sum_0_0);
            high_0_0 = subgroupMatrixMultiplyAccumulate(h_0, w_0, high_0_0);
            sum_0_1 = subgroupMatrixMultiplyAccumulate(x_0, w_1, sum_0_1);
            high_0_1 = subgroupMatrixMultiplyAccumulate(h_0, w_1, high_0_1);
            sum_0_2 = subgroupMatrixMultiplyAccumulate(x_0, w_2, sum_0_2);
            high_0_2 = subgroupMatrixMultiplyAccumulate(h_0, w_2, high_0_2);
            sum_0_3 = subgroupMatrixMultiplyAccumulate(x_0, w_3, sum_0_3);
            high_0_3 = subgroupMatrixMultiplyAccumulate(h_0, w_3, high_0_3);
            sum_1_0 = subgroupMatrixMultiplyAccumulate(x_1, w_0, sum_1_0);
            high_1_0 = subgroupMatrixMultiplyAccumulate(h_1, w_0, high_1_0);
            sum_1_1 = subgroupMatrixMultiplyAccumulate(x_1, w_1, sum_1_1);
            high_1_1 = subgroupMatrixMultiplyAccumulate(h_1, w_1, high_1_1);
            sum_1_2 = subgroupMatrixMultiplyAccumulate(x_1, w_2, sum_1_2);
            high_1_2 = subgroupMatrixMultiplyAccumulate(h_1, w_2, high_1_2);
            sum_1_3 = subgroupMatrixMultiplyAccumulate(x_1, w_3, sum_1_3);
            high_1_3 = subgroupMatrixMultiplyAccumulate(h_1, w_3, high_1_3);
            sum_2_0 = subgroupMatrixMultiplyAccumulate(x_2, w_0, sum_2_0);
            high_2_0 = subgroupMatrixMultiplyAccumulate(h_2, w_0, high_2_0);
            sum_2_1 = subgroupMatrixMultiplyAccumulate(x_2, w_1, sum_2_1);
            high_2_1 = subgroupMatrixMultiplyAccumulate(h_2, w_1, high_2_1);
            sum_2_2 = subgroupMatrixMultiplyAccumulate(x_2, w_2, sum_2_2);
            high_2_2 = subgroupMatrixMultiplyAccumulate(h_2, w_2, high_2_2);
            sum_2_3 = subgroupMatrixMultiplyAccumulate(x_2, w_3, sum_2_3);
            high_2_3 = subgroupMatrixMultiplyAccumulate(h_2, w_3, high_2_3);
            sum_3_0 = subgroupMatrixMultiplyAccumulate(x_3, w_0, sum_3_0);
            high_3_0 = subgroupMatrixMultiplyAccumulate(h_3, w_0, high_3_0);
            sum_3_1 = subgroupMatrixMultiplyAccumulate(x_3, w_1, sum_3_1);
            high_3_1 = subgroupMatrixMultiplyAccumulate(h_3, w_1, high_3_1);
            sum_3_2 = subgroupMatrixMultiplyAccumulate(x_3, w_2, sum_3_2);
            high_3_2 = subgroupMatrixMultiplyAccumulate(h_3, w_2, high_3_2);
            sum_3_3 = subgroupMatrixMultiplyAccumulate(x_3, w_3, sum_3_3);
            high_3_3 = subgroupMatrixMultiplyAccumulate(h_3, w_3, high_3_3);
          }
          {
            let x_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 0) * 16 + 8), 16);
            let x_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 8) * 16 + 8), 16);
            let x_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 16) * 16 + 8), 16);
            let x_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 24) * 16 + 8), 16);
            let h_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 0) * 16 + 8), 16);
            let h_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 8) * 16 + 8), 16);
            let h_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 16) * 16 + 8), 16);
            let h_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 24) * 16 + 8), 16);
            let w_0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 0), 64);
            let w_1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 8), 64);
            let w_2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 16), 64);
            let w_3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 24), 64);
            sum_0_0 = subgroupMatrixMultiplyAccumulate(x_0, w_0, sum_0_0);
            high_0_0 = subgroupMatrixMultiplyAccumulate(h_0, w_0, high_0_0);
            sum_0_1 = subgroupMatrixMultiplyAccumulate(x_0, w_1, sum_0_1);
            high_0_1 = subgroupMatrixMultiplyAccumulate(h_0, w_1, high_0_1);
            sum_0_2 = subgroupMatrixMultiplyAccumulate(x_0, w_2, sum_0_2);
            high_0_2 = subgroupMatrixMultiplyAccumulate(h_0, w_2, high_0_2);
            sum_0_3 = subgroupMatrixMultiplyAccumulate(x_0, w_3, sum_0_3);
            high_0_3 = subgroupMatrixMultiplyAccumulate(h_0, w_3, high_0_3);
            sum_1_0 = subgroupMatrixMultiplyAccumulate(x_1, w_0, sum_1_0);
            high_1_0 = subgroupMatrixMultiplyAccumulate(h_1, w_0, high_1_0);
            sum_1_1 = subgroupMatrixMultiplyAccumulate(x_1, w_1, sum_1_1);
            high_1_1 = subgroupMatrixMultiplyAccumulate(h_1, w_1, high_1_1);
            sum_1_2 = subgroupMatrixMultiplyAccumulate(x_1, w_2, sum_1_2);
            high_1_2 = subgroupMatrixMultiplyAccumulate(h_1, w_2, high_1_2);
            sum_1_3 = subgroupMatrixMultiplyAccumulate(x_1, w_3, sum_1_3);
            high_1_3 = subgroupMatrixMultiplyAccumulate(h_1, w_3, high_1_3);
            sum_2_0 = subgroupMatrixMultiplyAccumulate(x_2, w_0, sum_2_0);
            high_2_0 = subgroupMatrixMultiplyAccumulate(h_2, w_0, high_2_0);
            sum_2_1 = subgroupMatrixMultiplyAccumulate(x_2, w_1, sum_2_1);
            high_2_1 = subgroupMatrixMultiplyAccumulate(h_2, w_1, high_2_1);
            sum_2_2 = subgroupMatrixMultiplyAccumulate(x_2, w_2, sum_2_2);
            high_2_2 = subgroupMatrixMultiplyAccumulate(h_2, w_2, high_2_2);
            sum_2_3 = subgroupMatrixMultiplyAccumulate(x_2, w_3, sum_2_3);
            high_2_3 = subgroupMatrixMultiplyAccumulate(h_2, w_3, high_2_3);
            sum_3_0 = subgroupMatrixMultiplyAccumulate(x_3, w_0, sum_3_0);
            high_3_0 = subgroupMatrixMultiplyAccumulate(h_3, w_0, high_3_0);
            sum_3_1 = subgroupMatrixMultiplyAccumulate(x_3, w_1, sum_3_1);
            high_3_1 = subgroupMatrixMultiplyAccumulate(h_3, w_1, high_3_1);
            sum_3_2 = subgroupMatrixMultiplyAccumulate(x_3, w_2, sum_3_2);
            high_3_2 = subgroupMatrixMultiplyAccumulate(h_3, w_2, high_3_2);
            sum_3_3 = subgroupMatrixMultiplyAccumulate(x_3, w_3, sum_3_3);
            high_3_3 = subgroupMatrixMultiplyAccumulate(h_3, w_3, high_3_3);
          }
        }
      }
      var upper = array<vec4f, 16>();
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_0_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_0_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_0_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_0_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_0_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_0_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_0_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_0_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 0 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_1_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_1_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_1_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_1_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_1_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_1_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_1_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_1_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 8 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_2_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_2_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_2_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_2_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_2_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_2_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_2_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_2_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 16 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_3_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_3_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_3_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_3_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_3_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_3_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_3_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_3_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 24 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
    }
    "
  `);
});

test("conv2d.implicitGemmSubgroups", () => {
  expect(shader("conv2d.implicitGemmSubgroups")).toMatchInlineSnapshot(`
    "enable subgroups;

    const rows = n * ho * wo;
    const columns = co;
    const taps = kh * kw;
    const depth = ci;
    const band = 2;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 {
      let i = row / wo % ho * stride + tap / kw * dilation - pad[0];
      let j = row % wo * stride + tap % kw * dilation - pad[1];
      if (i < 0 || i >= h || j < 0 || j >= w) { return -1; }
      return ((row / (ho * wo) * h + i) * w + j) * ci;
    }

    fn write_row(row: i32, column: i32, value: vec4f) {
      let b = row / (ho * wo);
      let i = row / wo % ho;
      let j = row % wo;
      write4_y(b, column, i, j, value);
    }

    const lanes = 4;

    @compute @workgroup_size(lanes)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) invocation: u32) {
      const padded_depth = (depth + lanes - 1) / lanes * lanes;
      const across = (columns + 4 * lanes - 1) / (4 * lanes);
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 8;
      let panel = tile / band % across;
      if (first_row >= rows) { return; }
      let lane = i32(invocation);
      let weights = weight_matrix(first_row) * across + panel;
      var sum = array<vec4f, 8>();
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 8>();
        for (var r = 0; r < 8; r++) { start[r] = row_start(min(first_row + r, rows - 1), tap); }
        for (var channel = 0; channel < padded_depth; channel += lanes) {
          var x = array<f32, 8>();
          for (var r = 0; r < 8; r++) {
            let value = x_at(max(start[r], 0) + channel + lane);
            x[r] = select(0, value, start[r] >= 0 && channel + lane < depth);
          }
          let place = (((weights * taps + tap) * padded_depth + channel) * lanes + lane) * 4;
          let w0 = weight_at4(place + 0);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 0) * w0; }
          let w1 = weight_at4(place + 16);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 1) * w1; }
          let w2 = weight_at4(place + 32);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 2) * w2; }
          let w3 = weight_at4(place + 48);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 3) * w3; }
        }
      }
      let column = (panel * lanes + lane) * 4;
      for (var r = 0; r < 8; r++) {
        if (first_row + r < rows && column < columns) { write_row(first_row + r, column, sum[r]); }
      }
    }
    "
  `);
});

test("conv2d.winograd2", () => {
  expect(shader("conv2d.winograd2")).toMatchInlineSnapshot(`
    "const products = 16;
    const down = 2;
    const across_ = 3;
    const tiles = 6;
    const band_tiles = 6;
    const band_rows = 64;

    /** The row of product 0 of a tile. */
    fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }

    // One thread per tile and four channels.
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      let tile = at / (ci / 4);
      let channel = at % (ci / 4) * 4;
      if (tile >= tiles) { return; }
      let top = tile / across_ % down * 2 - pad[0];
      let left = tile % across_ * 2 - pad[1];
      var from_ = array<vec4f, 16>();
      for (var r = 0; r < 4; r++) {
        for (var s = 0; s < 4; s++) {
          let inside = top + r >= 0 && top + r < h && left + s >= 0 && left + s < w;
          if (inside) {
            from_[r * 4 + s] = x_at4(((tile / (down * across_) * h + top + r) * w + left + s) * ci + channel);
          }
        }
      }
      let to = (row_of(tile) * ci + channel) / 4;
      let t0 = from_[0];
      let t1 = from_[1];
      let t2 = from_[2];
      let t3 = from_[3];
      let t4 = from_[4];
      let t5 = from_[5];
      let t6 = from_[6];
      let t7 = from_[7];
      let t8 = from_[8];
      let t9 = from_[9];
      let t10 = from_[10];
      let t11 = from_[11];
      let t12 = from_[12];
      let t13 = from_[13];
      let t14 = from_[14];
      let t15 = from_[15];
      let t16 = 0.5 * t8;
      let t17 = 0.5 * t4;
      let t18 = (t0 - t8);
      let t19 = (t16 + t17);
      let t20 = (t16 - t17);
      let t21 = (t12 - t4);
      let t22 = 0.5 * t9;
      let t23 = 0.5 * t5;
      let t24 = (t1 - t9);
      let t25 = (t22 + t23);
      let t26 = (t22 - t23);
      let t27 = (t13 - t5);
      let t28 = 0.5 * t10;
      let t29 = 0.5 * t6;
      let t30 = (t2 - t10);
      let t31 = (t28 + t29);
      let t32 = (t28 - t29);
      let t33 = (t14 - t6);
      let t34 = 0.5 * t11;
      let t35 = 0.5 * t7;
      let t36 = (t3 - t11);
      let t37 = (t34 + t35);
      let t38 = (t34 - t35);
      let t39 = (t15 - t7);
      let t40 = 0.5 * t30;
      let t41 = 0.5 * t24;
      let t42 = (t18 - t30);
      let t43 = (t40 + t41);
      let t44 = (t40 - t41);
      let t45 = (t36 - t24);
      let t46 = 0.5 * t31;
      let t47 = 0.5 * t25;
      let t48 = (t19 - t31);
      let t49 = (t46 + t47);
      let t50 = (t46 - t47);
      let t51 = (t37 - t25);
      let t52 = 0.5 * t32;
      let t53 = 0.5 * t26;
      let t54 = (t20 - t32);
      let t55 = (t52 + t53);
      let t56 = (t52 - t53);
      let t57 = (t38 - t26);
      let t58 = 0.5 * t33;
      let t59 = 0.5 * t27;
      let t60 = (t21 - t33);
      let t61 = (t58 + t59);
      let t62 = (t58 - t59);
      let t63 = (t39 - t27);
      v_data[to + 0 * (band_rows * ci / 4)] = t42;
      v_data[to + 1 * (band_rows * ci / 4)] = t43;
      v_data[to + 2 * (band_rows * ci / 4)] = t44;
      v_data[to + 3 * (band_rows * ci / 4)] = t45;
      v_data[to + 4 * (band_rows * ci / 4)] = t48;
      v_data[to + 5 * (band_rows * ci / 4)] = t49;
      v_data[to + 6 * (band_rows * ci / 4)] = t50;
      v_data[to + 7 * (band_rows * ci / 4)] = t51;
      v_data[to + 8 * (band_rows * ci / 4)] = t54;
      v_data[to + 9 * (band_rows * ci / 4)] = t55;
      v_data[to + 10 * (band_rows * ci / 4)] = t56;
      v_data[to + 11 * (band_rows * ci / 4)] = t57;
      v_data[to + 12 * (band_rows * ci / 4)] = t60;
      v_data[to + 13 * (band_rows * ci / 4)] = t61;
      v_data[to + 14 * (band_rows * ci / 4)] = t62;
      v_data[to + 15 * (band_rows * ci / 4)] = t63;
    }

    // Then
    const products = 16;
    const down = 2;
    const across_ = 3;
    const tiles = 6;
    const band_tiles = 6;
    const band_rows = 64;

    /** The row of product 0 of a tile. */
    fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }

    const rows = 1024;
    const columns = co;
    const taps = 1;
    const depth = ci;
    const band = 1;

    fn x_at(i: i32) -> f32 { return v_at(i); }
    fn x_at4(i: i32) -> vec4f { return v_at4(i); }
    fn weight_matrix(row: i32) -> i32 { return row / band_rows % products; }
    fn row_start(row: i32, tap: i32) -> i32 { return row * ci; }
    fn write_row(row: i32, column: i32, value: vec4f) { s_data[(row * 8 + column) / 4] = value; }

    var<workgroup> x_tile: array<array<vec4f, 4>, 64>;
    var<workgroup> weight_tile: array<array<vec4f, 16>, 16>;

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let lane = i32(local);
      let load_row = lane / 4;
      let load_channel = lane % 4 * 4;
      let weight_row = lane / 16;
      let weight_column = first_column + lane % 16 * 4;
      let row = lane / 16 * 4;
      let column = lane % 16;
      var sum = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = -1;
        if (first_row + load_row < rows) { start = row_start(first_row + load_row, tap); }
        for (var channel = 0; channel < depth; channel += 16) {
          var x = vec4f();
          if (start >= 0 && channel + load_channel < depth) { x = x_at4(start + channel + load_channel); }
          var weight = vec4f();
          if (channel + weight_row < depth && weight_column < weight_width) {
            weight = weight_at4((matrix + tap * depth + channel + weight_row) * weight_width + weight_column);
          }
          workgroupBarrier();
          x_tile[load_row][lane % 4] = x;
          weight_tile[weight_row][lane % 16] = weight;
          workgroupBarrier();
          for (var k = 0; k < 4; k++) {
            let w0 = weight_tile[k * 4][column];
            let w1 = weight_tile[k * 4 + 1][column];
            let w2 = weight_tile[k * 4 + 2][column];
            let w3 = weight_tile[k * 4 + 3][column];
            for (var r = 0; r < 4; r++) {
              let v = x_tile[row + r][k];
              sum[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
            }
          }
        }
      }
      if (first_column + column * 4 < columns) {
        for (var r = 0; r < 4; r++) {
          if (first_row + row + r < rows) { write_row(first_row + row + r, first_column + column * 4, sum[r]); }
        }
      }
    }

    // Then
    const products = 16;
    const down = 2;
    const across_ = 3;
    const tiles = 6;
    const band_tiles = 6;
    const band_rows = 64;

    /** The row of product 0 of a tile. */
    fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }

    const width = 8;

    // One thread per tile and four channels.
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      let tile = at / (width / 4);
      let channel = at % (width / 4) * 4;
      if (tile >= tiles) { return; }
      let first = row_of(tile) * width + channel;
      var from_ = array<vec4f, 16>();
      for (var p = 0; p < products; p++) { from_[p] = s_at4(first + p * band_rows * width); }
      var result = array<vec4f, 4>();
      let t0 = from_[0];
      let t1 = from_[1];
      let t2 = from_[2];
      let t3 = from_[3];
      let t4 = from_[4];
      let t5 = from_[5];
      let t6 = from_[6];
      let t7 = from_[7];
      let t8 = from_[8];
      let t9 = from_[9];
      let t10 = from_[10];
      let t11 = from_[11];
      let t12 = from_[12];
      let t13 = from_[13];
      let t14 = from_[14];
      let t15 = from_[15];
      let t16 = (t4 + t8);
      let t17 = (t4 - t8);
      let t18 = (t0 + t16);
      let t19 = (t12 + t17);
      let t20 = (t5 + t9);
      let t21 = (t5 - t9);
      let t22 = (t1 + t20);
      let t23 = (t13 + t21);
      let t24 = (t6 + t10);
      let t25 = (t6 - t10);
      let t26 = (t2 + t24);
      let t27 = (t14 + t25);
      let t28 = (t7 + t11);
      let t29 = (t7 - t11);
      let t30 = (t3 + t28);
      let t31 = (t15 + t29);
      let t32 = (t22 + t26);
      let t33 = (t22 - t26);
      let t34 = (t18 + t32);
      let t35 = (t30 + t33);
      let t36 = (t23 + t27);
      let t37 = (t23 - t27);
      let t38 = (t19 + t36);
      let t39 = (t31 + t37);
      result[0] = t34;
      result[1] = t35;
      result[2] = t38;
      result[3] = t39;
      let b = tile / (down * across_);
      for (var r = 0; r < 2; r++) {
        for (var s = 0; s < 2; s++) {
          let i = tile / across_ % down * 2 + r;
          let j = tile % across_ * 2 + s;
          if (i < ho && j < wo) {
            let value = result[r * 2 + s];
            write4_y(b, channel, i, j, value);
          }
        }
      }
    }
    "
  `);
});

test("conv2d.winograd4", () => {
  expect(shader("conv2d.winograd4")).toMatchInlineSnapshot(`
    "const products = 36;
    const down = 1;
    const across_ = 2;
    const tiles = 2;
    const band_tiles = 2;
    const band_rows = 64;

    /** The row of product 0 of a tile. */
    fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }

    // One thread per tile and four channels.
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      let tile = at / (ci / 4);
      let channel = at % (ci / 4) * 4;
      if (tile >= tiles) { return; }
      let top = tile / across_ % down * 4 - pad[0];
      let left = tile % across_ * 4 - pad[1];
      var from_ = array<vec4f, 36>();
      for (var r = 0; r < 6; r++) {
        for (var s = 0; s < 6; s++) {
          let inside = top + r >= 0 && top + r < h && left + s >= 0 && left + s < w;
          if (inside) {
            from_[r * 6 + s] = x_at4(((tile / (down * across_) * h + top + r) * w + left + s) * ci + channel);
          }
        }
      }
      let to = (row_of(tile) * ci + channel) / 4;
      let t0 = from_[0];
      let t1 = from_[1];
      let t2 = from_[2];
      let t3 = from_[3];
      let t4 = from_[4];
      let t5 = from_[5];
      let t6 = from_[6];
      let t7 = from_[7];
      let t8 = from_[8];
      let t9 = from_[9];
      let t10 = from_[10];
      let t11 = from_[11];
      let t12 = from_[12];
      let t13 = from_[13];
      let t14 = from_[14];
      let t15 = from_[15];
      let t16 = from_[16];
      let t17 = from_[17];
      let t18 = from_[18];
      let t19 = from_[19];
      let t20 = from_[20];
      let t21 = from_[21];
      let t22 = from_[22];
      let t23 = from_[23];
      let t24 = from_[24];
      let t25 = from_[25];
      let t26 = from_[26];
      let t27 = from_[27];
      let t28 = from_[28];
      let t29 = from_[29];
      let t30 = from_[30];
      let t31 = from_[31];
      let t32 = from_[32];
      let t33 = from_[33];
      let t34 = from_[34];
      let t35 = from_[35];
      let t36 = (1.54890756302521 * t12 + -0.6884033613445378 * t24);
      let t37 = (0.9680672268907563 * t6 + -0.43025210084033616 * t18);
      let t38 = (-0.04668534080298786 * t12 + 0.11951447245564893 * t24);
      let t39 = (-0.0700280112044818 * t6 + 0.1792717086834734 * t18);
      let t40 = ((t0 + -3.0044444444444443 * t12) + 1.1377777777777778 * t24);
      let t41 = (t36 + t37);
      let t42 = (t36 - t37);
      let t43 = (t38 + t39);
      let t44 = (t38 - t39);
      let t45 = ((0.87890625 * t6 + -2.640625 * t18) + t30);
      let t46 = (1.54890756302521 * t13 + -0.6884033613445378 * t25);
      let t47 = (0.9680672268907563 * t7 + -0.43025210084033616 * t19);
      let t48 = (-0.04668534080298786 * t13 + 0.11951447245564893 * t25);
      let t49 = (-0.0700280112044818 * t7 + 0.1792717086834734 * t19);
      let t50 = ((t1 + -3.0044444444444443 * t13) + 1.1377777777777778 * t25);
      let t51 = (t46 + t47);
      let t52 = (t46 - t47);
      let t53 = (t48 + t49);
      let t54 = (t48 - t49);
      let t55 = ((0.87890625 * t7 + -2.640625 * t19) + t31);
      let t56 = (1.54890756302521 * t14 + -0.6884033613445378 * t26);
      let t57 = (0.9680672268907563 * t8 + -0.43025210084033616 * t20);
      let t58 = (-0.04668534080298786 * t14 + 0.11951447245564893 * t26);
      let t59 = (-0.0700280112044818 * t8 + 0.1792717086834734 * t20);
      let t60 = ((t2 + -3.0044444444444443 * t14) + 1.1377777777777778 * t26);
      let t61 = (t56 + t57);
      let t62 = (t56 - t57);
      let t63 = (t58 + t59);
      let t64 = (t58 - t59);
      let t65 = ((0.87890625 * t8 + -2.640625 * t20) + t32);
      let t66 = (1.54890756302521 * t15 + -0.6884033613445378 * t27);
      let t67 = (0.9680672268907563 * t9 + -0.43025210084033616 * t21);
      let t68 = (-0.04668534080298786 * t15 + 0.11951447245564893 * t27);
      let t69 = (-0.0700280112044818 * t9 + 0.1792717086834734 * t21);
      let t70 = ((t3 + -3.0044444444444443 * t15) + 1.1377777777777778 * t27);
      let t71 = (t66 + t67);
      let t72 = (t66 - t67);
      let t73 = (t68 + t69);
      let t74 = (t68 - t69);
      let t75 = ((0.87890625 * t9 + -2.640625 * t21) + t33);
      let t76 = (1.54890756302521 * t16 + -0.6884033613445378 * t28);
      let t77 = (0.9680672268907563 * t10 + -0.43025210084033616 * t22);
      let t78 = (-0.04668534080298786 * t16 + 0.11951447245564893 * t28);
      let t79 = (-0.0700280112044818 * t10 + 0.1792717086834734 * t22);
      let t80 = ((t4 + -3.0044444444444443 * t16) + 1.1377777777777778 * t28);
      let t81 = (t76 + t77);
      let t82 = (t76 - t77);
      let t83 = (t78 + t79);
      let t84 = (t78 - t79);
      let t85 = ((0.87890625 * t10 + -2.640625 * t22) + t34);
      let t86 = (1.54890756302521 * t17 + -0.6884033613445378 * t29);
      let t87 = (0.9680672268907563 * t11 + -0.43025210084033616 * t23);
      let t88 = (-0.04668534080298786 * t17 + 0.11951447245564893 * t29);
      let t89 = (-0.0700280112044818 * t11 + 0.1792717086834734 * t23);
      let t90 = ((t5 + -3.0044444444444443 * t17) + 1.1377777777777778 * t29);
      let t91 = (t86 + t87);
      let t92 = (t86 - t87);
      let t93 = (t88 + t89);
      let t94 = (t88 - t89);
      let t95 = ((0.87890625 * t11 + -2.640625 * t23) + t35);
      let t96 = (1.54890756302521 * t60 + -0.6884033613445378 * t80);
      let t97 = (0.9680672268907563 * t50 + -0.43025210084033616 * t70);
      let t98 = (-0.04668534080298786 * t60 + 0.11951447245564893 * t80);
      let t99 = (-0.0700280112044818 * t50 + 0.1792717086834734 * t70);
      let t100 = ((t40 + -3.0044444444444443 * t60) + 1.1377777777777778 * t80);
      let t101 = (t96 + t97);
      let t102 = (t96 - t97);
      let t103 = (t98 + t99);
      let t104 = (t98 - t99);
      let t105 = ((0.87890625 * t50 + -2.640625 * t70) + t90);
      let t106 = (1.54890756302521 * t61 + -0.6884033613445378 * t81);
      let t107 = (0.9680672268907563 * t51 + -0.43025210084033616 * t71);
      let t108 = (-0.04668534080298786 * t61 + 0.11951447245564893 * t81);
      let t109 = (-0.0700280112044818 * t51 + 0.1792717086834734 * t71);
      let t110 = ((t41 + -3.0044444444444443 * t61) + 1.1377777777777778 * t81);
      let t111 = (t106 + t107);
      let t112 = (t106 - t107);
      let t113 = (t108 + t109);
      let t114 = (t108 - t109);
      let t115 = ((0.87890625 * t51 + -2.640625 * t71) + t91);
      let t116 = (1.54890756302521 * t62 + -0.6884033613445378 * t82);
      let t117 = (0.9680672268907563 * t52 + -0.43025210084033616 * t72);
      let t118 = (-0.04668534080298786 * t62 + 0.11951447245564893 * t82);
      let t119 = (-0.0700280112044818 * t52 + 0.1792717086834734 * t72);
      let t120 = ((t42 + -3.0044444444444443 * t62) + 1.1377777777777778 * t82);
      let t121 = (t116 + t117);
      let t122 = (t116 - t117);
      let t123 = (t118 + t119);
      let t124 = (t118 - t119);
      let t125 = ((0.87890625 * t52 + -2.640625 * t72) + t92);
      let t126 = (1.54890756302521 * t63 + -0.6884033613445378 * t83);
      let t127 = (0.9680672268907563 * t53 + -0.43025210084033616 * t73);
      let t128 = (-0.04668534080298786 * t63 + 0.11951447245564893 * t83);
      let t129 = (-0.0700280112044818 * t53 + 0.1792717086834734 * t73);
      let t130 = ((t43 + -3.0044444444444443 * t63) + 1.1377777777777778 * t83);
      let t131 = (t126 + t127);
      let t132 = (t126 - t127);
      let t133 = (t128 + t129);
      let t134 = (t128 - t129);
      let t135 = ((0.87890625 * t53 + -2.640625 * t73) + t93);
      let t136 = (1.54890756302521 * t64 + -0.6884033613445378 * t84);
      let t137 = (0.9680672268907563 * t54 + -0.43025210084033616 * t74);
      let t138 = (-0.04668534080298786 * t64 + 0.11951447245564893 * t84);
      let t139 = (-0.0700280112044818 * t54 + 0.1792717086834734 * t74);
      let t140 = ((t44 + -3.0044444444444443 * t64) + 1.1377777777777778 * t84);
      let t141 = (t136 + t137);
      let t142 = (t136 - t137);
      let t143 = (t138 + t139);
      let t144 = (t138 - t139);
      let t145 = ((0.87890625 * t54 + -2.640625 * t74) + t94);
      let t146 = (1.54890756302521 * t65 + -0.6884033613445378 * t85);
      let t147 = (0.9680672268907563 * t55 + -0.43025210084033616 * t75);
      let t148 = (-0.04668534080298786 * t65 + 0.11951447245564893 * t85);
      let t149 = (-0.0700280112044818 * t55 + 0.1792717086834734 * t75);
      let t150 = ((t45 + -3.0044444444444443 * t65) + 1.1377777777777778 * t85);
      let t151 = (t146 + t147);
      let t152 = (t146 - t147);
      let t153 = (t148 + t149);
      let t154 = (t148 - t149);
      let t155 = ((0.87890625 * t55 + -2.640625 * t75) + t95);
      v_data[to + 0 * (band_rows * ci / 4)] = t100;
      v_data[to + 1 * (band_rows * ci / 4)] = t101;
      v_data[to + 2 * (band_rows * ci / 4)] = t102;
      v_data[to + 3 * (band_rows * ci / 4)] = t103;
      v_data[to + 4 * (band_rows * ci / 4)] = t104;
      v_data[to + 5 * (band_rows * ci / 4)] = t105;
      v_data[to + 6 * (band_rows * ci / 4)] = t110;
      v_data[to + 7 * (band_rows * ci / 4)] = t111;
      v_data[to + 8 * (band_rows * ci / 4)] = t112;
      v_data[to + 9 * (band_rows * ci / 4)] = t113;
      v_data[to + 10 * (band_rows * ci / 4)] = t114;
      v_data[to + 11 * (band_rows * ci / 4)] = t115;
      v_data[to + 12 * (band_rows * ci / 4)] = t120;
      v_data[to + 13 * (band_rows * ci / 4)] = t121;
      v_data[to + 14 * (band_rows * ci / 4)] = t122;
      v_data[to + 15 * (band_rows * ci / 4)] = t123;
      v_data[to + 16 * (band_rows * ci / 4)] = t124;
      v_data[to + 17 * (band_rows * ci / 4)] = t125;
      v_data[to + 18 * (band_rows * ci / 4)] = t130;
      v_data[to + 19 * (band_rows * ci / 4)] = t131;
      v_data[to + 20 * (band_rows * ci / 4)] = t132;
      v_data[to + 21 * (band_rows * ci / 4)] = t133;
      v_data[to + 22 * (band_rows * ci / 4)] = t134;
      v_data[to + 23 * (band_rows * ci / 4)] = t135;
      v_data[to + 24 * (band_rows * ci / 4)] = t140;
      v_data[to + 25 * (band_rows * ci / 4)] = t141;
      v_data[to + 26 * (band_rows * ci / 4)] = t142;
      v_data[to + 27 * (band_rows * ci / 4)] = t143;
      v_data[to + 28 * (band_rows * ci / 4)] = t144;
      v_data[to + 29 * (band_rows * ci / 4)] = t145;
      v_data[to + 30 * (band_rows * ci / 4)] = t150;
      v_data[to + 31 * (band_rows * ci / 4)] = t151;
      v_data[to + 32 * (band_rows * ci / 4)] = t152;
      v_data[to + 33 * (band_rows * ci / 4)] = t153;
      v_data[to + 34 * (band_rows * ci / 4)] = t154;
      v_data[to + 35 * (band_rows * ci / 4)] = t155;
    }

    // Then
    const products = 36;
    const down = 1;
    const across_ = 2;
    const tiles = 2;
    const band_tiles = 2;
    const band_rows = 64;

    /** The row of product 0 of a tile. */
    fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }

    const rows = 2304;
    const columns = co;
    const taps = 1;
    const depth = ci;
    const band = 1;

    fn x_at(i: i32) -> f32 { return v_at(i); }
    fn x_at4(i: i32) -> vec4f { return v_at4(i); }
    fn weight_matrix(row: i32) -> i32 { return row / band_rows % products; }
    fn row_start(row: i32, tap: i32) -> i32 { return row * ci; }
    fn write_row(row: i32, column: i32, value: vec4f) { s_data[(row * 8 + column) / 4] = value; }

    var<workgroup> x_tile: array<array<vec4f, 4>, 64>;
    var<workgroup> weight_tile: array<array<vec4f, 16>, 16>;

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let lane = i32(local);
      let load_row = lane / 4;
      let load_channel = lane % 4 * 4;
      let weight_row = lane / 16;
      let weight_column = first_column + lane % 16 * 4;
      let row = lane / 16 * 4;
      let column = lane % 16;
      var sum = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = -1;
        if (first_row + load_row < rows) { start = row_start(first_row + load_row, tap); }
        for (var channel = 0; channel < depth; channel += 16) {
          var x = vec4f();
          if (start >= 0 && channel + load_channel < depth) { x = x_at4(start + channel + load_channel); }
          var weight = vec4f();
          if (channel + weight_row < depth && weight_column < weight_width) {
            weight = weight_at4((matrix + tap * depth + channel + weight_row) * weight_width + weight_column);
          }
          workgroupBarrier();
          x_tile[load_row][lane % 4] = x;
          weight_tile[weight_row][lane % 16] = weight;
          workgroupBarrier();
          for (var k = 0; k < 4; k++) {
            let w0 = weight_tile[k * 4][column];
            let w1 = weight_tile[k * 4 + 1][column];
            let w2 = weight_tile[k * 4 + 2][column];
            let w3 = weight_tile[k * 4 + 3][column];
            for (var r = 0; r < 4; r++) {
              let v = x_tile[row + r][k];
              sum[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
            }
          }
        }
      }
      if (first_column + column * 4 < columns) {
        for (var r = 0; r < 4; r++) {
          if (first_row + row + r < rows) { write_row(first_row + row + r, first_column + column * 4, sum[r]); }
        }
      }
    }

    // Then
    const products = 36;
    const down = 1;
    const across_ = 2;
    const tiles = 2;
    const band_tiles = 2;
    const band_rows = 64;

    /** The row of product 0 of a tile. */
    fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }

    const width = 8;

    // One thread per tile and four channels.
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      let tile = at / (width / 4);
      let channel = at % (width / 4) * 4;
      if (tile >= tiles) { return; }
      let first = row_of(tile) * width + channel;
      var from_ = array<vec4f, 36>();
      for (var p = 0; p < products; p++) { from_[p] = s_at4(first + p * band_rows * width); }
      var result = array<vec4f, 16>();
      let t0 = from_[0];
      let t1 = from_[1];
      let t2 = from_[2];
      let t3 = from_[3];
      let t4 = from_[4];
      let t5 = from_[5];
      let t6 = from_[6];
      let t7 = from_[7];
      let t8 = from_[8];
      let t9 = from_[9];
      let t10 = from_[10];
      let t11 = from_[11];
      let t12 = from_[12];
      let t13 = from_[13];
      let t14 = from_[14];
      let t15 = from_[15];
      let t16 = from_[16];
      let t17 = from_[17];
      let t18 = from_[18];
      let t19 = from_[19];
      let t20 = from_[20];
      let t21 = from_[21];
      let t22 = from_[22];
      let t23 = from_[23];
      let t24 = from_[24];
      let t25 = from_[25];
      let t26 = from_[26];
      let t27 = from_[27];
      let t28 = from_[28];
      let t29 = from_[29];
      let t30 = from_[30];
      let t31 = from_[31];
      let t32 = from_[32];
      let t33 = from_[33];
      let t34 = from_[34];
      let t35 = from_[35];
      let t36 = (t6 + t12);
      let t37 = (t18 + t24);
      let t38 = (t6 - t12);
      let t39 = (t18 - t24);
      let t40 = ((t0 + t36) + t37);
      let t41 = (0.625 * t38 + 1.5 * t39);
      let t42 = (0.390625 * t36 + 2.25 * t37);
      let t43 = ((t30 + 0.244140625 * t38) + 3.375 * t39);
      let t44 = (t7 + t13);
      let t45 = (t19 + t25);
      let t46 = (t7 - t13);
      let t47 = (t19 - t25);
      let t48 = ((t1 + t44) + t45);
      let t49 = (0.625 * t46 + 1.5 * t47);
      let t50 = (0.390625 * t44 + 2.25 * t45);
      let t51 = ((t31 + 0.244140625 * t46) + 3.375 * t47);
      let t52 = (t8 + t14);
      let t53 = (t20 + t26);
      let t54 = (t8 - t14);
      let t55 = (t20 - t26);
      let t56 = ((t2 + t52) + t53);
      let t57 = (0.625 * t54 + 1.5 * t55);
      let t58 = (0.390625 * t52 + 2.25 * t53);
      let t59 = ((t32 + 0.244140625 * t54) + 3.375 * t55);
      let t60 = (t9 + t15);
      let t61 = (t21 + t27);
      let t62 = (t9 - t15);
      let t63 = (t21 - t27);
      let t64 = ((t3 + t60) + t61);
      let t65 = (0.625 * t62 + 1.5 * t63);
      let t66 = (0.390625 * t60 + 2.25 * t61);
      let t67 = ((t33 + 0.244140625 * t62) + 3.375 * t63);
      let t68 = (t10 + t16);
      let t69 = (t22 + t28);
      let t70 = (t10 - t16);
      let t71 = (t22 - t28);
      let t72 = ((t4 + t68) + t69);
      let t73 = (0.625 * t70 + 1.5 * t71);
      let t74 = (0.390625 * t68 + 2.25 * t69);
      let t75 = ((t34 + 0.244140625 * t70) + 3.375 * t71);
      let t76 = (t11 + t17);
      let t77 = (t23 + t29);
      let t78 = (t11 - t17);
      let t79 = (t23 - t29);
      let t80 = ((t5 + t76) + t77);
      let t81 = (0.625 * t78 + 1.5 * t79);
      let t82 = (0.390625 * t76 + 2.25 * t77);
      let t83 = ((t35 + 0.244140625 * t78) + 3.375 * t79);
      let t84 = (t48 + t56);
      let t85 = (t64 + t72);
      let t86 = (t48 - t56);
      let t87 = (t64 - t72);
      let t88 = ((t40 + t84) + t85);
      let t89 = (0.625 * t86 + 1.5 * t87);
      let t90 = (0.390625 * t84 + 2.25 * t85);
      let t91 = ((t80 + 0.244140625 * t86) + 3.375 * t87);
      let t92 = (t49 + t57);
      let t93 = (t65 + t73);
      let t94 = (t49 - t57);
      let t95 = (t65 - t73);
      let t96 = ((t41 + t92) + t93);
      let t97 = (0.625 * t94 + 1.5 * t95);
      let t98 = (0.390625 * t92 + 2.25 * t93);
      let t99 = ((t81 + 0.244140625 * t94) + 3.375 * t95);
      let t100 = (t50 + t58);
      let t101 = (t66 + t74);
      let t102 = (t50 - t58);
      let t103 = (t66 - t74);
      let t104 = ((t42 + t100) + t101);
      let t105 = (0.625 * t102 + 1.5 * t103);
      let t106 = (0.390625 * t100 + 2.25 * t101);
      let t107 = ((t82 + 0.244140625 * t102) + 3.375 * t103);
      let t108 = (t51 + t59);
      let t109 = (t67 + t75);
      let t110 = (t51 - t59);
      let t111 = (t67 - t75);
      let t112 = ((t43 + t108) + t109);
      let t113 = (0.625 * t110 + 1.5 * t111);
      let t114 = (0.390625 * t108 + 2.25 * t109);
      let t115 = ((t83 + 0.244140625 * t110) + 3.375 * t111);
      result[0] = t88;
      result[1] = t89;
      result[2] = t90;
      result[3] = t91;
      result[4] = t96;
      result[5] = t97;
      result[6] = t98;
      result[7] = t99;
      result[8] = t104;
      result[9] = t105;
      result[10] = t106;
      result[11] = t107;
      result[12] = t112;
      result[13] = t113;
      result[14] = t114;
      result[15] = t115;
      let b = tile / (down * across_);
      for (var r = 0; r < 4; r++) {
        for (var s = 0; s < 4; s++) {
          let i = tile / across_ % down * 4 + r;
          let j = tile % across_ * 4 + s;
          if (i < ho && j < wo) {
            let value = result[r * 4 + s];
            write4_y(b, channel, i, j, value);
          }
        }
      }
    }
    "
  `);
});

test("conv2d.winograd6", () => {
  expect(shader("conv2d.winograd6")).toMatchInlineSnapshot(`
    "const products = 64;
    const down = 1;
    const across_ = 1;
    const tiles = 1;
    const band_tiles = 1;
    const band_rows = 64;

    /** The row of product 0 of a tile. */
    fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }

    // One thread per tile and four channels.
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      let tile = at / (ci / 4);
      let channel = at % (ci / 4) * 4;
      if (tile >= tiles) { return; }
      let top = tile / across_ % down * 6 - pad[0];
      let left = tile % across_ * 6 - pad[1];
      var from_ = array<vec4f, 64>();
      for (var r = 0; r < 8; r++) {
        for (var s = 0; s < 8; s++) {
          let inside = top + r >= 0 && top + r < h && left + s >= 0 && left + s < w;
          if (inside) {
            from_[r * 8 + s] = x_at4(((tile / (down * across_) * h + top + r) * w + left + s) * ci + channel);
          }
        }
      }
      let to = (row_of(tile) * ci + channel) / 4;
      let t0 = from_[0];
      let t1 = from_[1];
      let t2 = from_[2];
      let t3 = from_[3];
      let t4 = from_[4];
      let t5 = from_[5];
      let t6 = from_[6];
      let t7 = from_[7];
      let t8 = from_[8];
      let t9 = from_[9];
      let t10 = from_[10];
      let t11 = from_[11];
      let t12 = from_[12];
      let t13 = from_[13];
      let t14 = from_[14];
      let t15 = from_[15];
      let t16 = from_[16];
      let t17 = from_[17];
      let t18 = from_[18];
      let t19 = from_[19];
      let t20 = from_[20];
      let t21 = from_[21];
      let t22 = from_[22];
      let t23 = from_[23];
      let t24 = from_[24];
      let t25 = from_[25];
      let t26 = from_[26];
      let t27 = from_[27];
      let t28 = from_[28];
      let t29 = from_[29];
      let t30 = from_[30];
      let t31 = from_[31];
      let t32 = from_[32];
      let t33 = from_[33];
      let t34 = from_[34];
      let t35 = from_[35];
      let t36 = from_[36];
      let t37 = from_[37];
      let t38 = from_[38];
      let t39 = from_[39];
      let t40 = from_[40];
      let t41 = from_[41];
      let t42 = from_[42];
      let t43 = from_[43];
      let t44 = from_[44];
      let t45 = from_[45];
      let t46 = from_[46];
      let t47 = from_[47];
      let t48 = from_[48];
      let t49 = from_[49];
      let t50 = from_[50];
      let t51 = from_[51];
      let t52 = from_[52];
      let t53 = from_[53];
      let t54 = from_[54];
      let t55 = from_[55];
      let t56 = from_[56];
      let t57 = from_[57];
      let t58 = from_[58];
      let t59 = from_[59];
      let t60 = from_[60];
      let t61 = from_[61];
      let t62 = from_[62];
      let t63 = from_[63];
      let t64 = ((2.8444444444444446 * t16 + -3.5555555555555554 * t32) + 0.7111111111111111 * t48);
      let t65 = ((1.4222222222222223 * t8 + -1.7777777777777777 * t24) + 0.35555555555555557 * t40);
      let t66 = ((-0.2222222222222222 * t16 + 0.9444444444444444 * t32) + -0.2222222222222222 * t48);
      let t67 = ((-0.2222222222222222 * t8 + 0.9444444444444444 * t24) + -0.2222222222222222 * t40);
      let t68 = ((0.002777777777777778 * t16 + -0.013888888888888888 * t32) + 0.011111111111111112 * t48);
      let t69 = ((0.005555555555555556 * t8 + -0.027777777777777776 * t24) + 0.022222222222222223 * t40);
      let t70 = (((t0 + -5.25 * t16) + 5.25 * t32) - t48);
      let t71 = (t64 + t65);
      let t72 = (t64 - t65);
      let t73 = (t66 + t67);
      let t74 = (t66 - t67);
      let t75 = (t68 + t69);
      let t76 = (t68 - t69);
      let t77 = (((5.25 * t24 + -5.25 * t40) + t56) - t8);
      let t78 = ((2.8444444444444446 * t17 + -3.5555555555555554 * t33) + 0.7111111111111111 * t49);
      let t79 = ((1.4222222222222223 * t9 + -1.7777777777777777 * t25) + 0.35555555555555557 * t41);
      let t80 = ((-0.2222222222222222 * t17 + 0.9444444444444444 * t33) + -0.2222222222222222 * t49);
      let t81 = ((-0.2222222222222222 * t9 + 0.9444444444444444 * t25) + -0.2222222222222222 * t41);
      let t82 = ((0.002777777777777778 * t17 + -0.013888888888888888 * t33) + 0.011111111111111112 * t49);
      let t83 = ((0.005555555555555556 * t9 + -0.027777777777777776 * t25) + 0.022222222222222223 * t41);
      let t84 = (((t1 + -5.25 * t17) + 5.25 * t33) - t49);
      let t85 = (t78 + t79);
      let t86 = (t78 - t79);
      let t87 = (t80 + t81);
      let t88 = (t80 - t81);
      let t89 = (t82 + t83);
      let t90 = (t82 - t83);
      let t91 = (((5.25 * t25 + -5.25 * t41) + t57) - t9);
      let t92 = ((2.8444444444444446 * t18 + -3.5555555555555554 * t34) + 0.7111111111111111 * t50);
      let t93 = ((1.4222222222222223 * t10 + -1.7777777777777777 * t26) + 0.35555555555555557 * t42);
      let t94 = ((-0.2222222222222222 * t18 + 0.9444444444444444 * t34) + -0.2222222222222222 * t50);
      let t95 = ((-0.2222222222222222 * t10 + 0.9444444444444444 * t26) + -0.2222222222222222 * t42);
      let t96 = ((0.002777777777777778 * t18 + -0.013888888888888888 * t34) + 0.011111111111111112 * t50);
      let t97 = ((0.005555555555555556 * t10 + -0.027777777777777776 * t26) + 0.022222222222222223 * t42);
      let t98 = (((t2 + -5.25 * t18) + 5.25 * t34) - t50);
      let t99 = (t92 + t93);
      let t100 = (t92 - t93);
      let t101 = (t94 + t95);
      let t102 = (t94 - t95);
      let t103 = (t96 + t97);
      let t104 = (t96 - t97);
      let t105 = (((5.25 * t26 + -5.25 * t42) + t58) - t10);
      let t106 = ((2.8444444444444446 * t19 + -3.5555555555555554 * t35) + 0.7111111111111111 * t51);
      let t107 = ((1.4222222222222223 * t11 + -1.7777777777777777 * t27) + 0.35555555555555557 * t43);
      let t108 = ((-0.2222222222222222 * t19 + 0.9444444444444444 * t35) + -0.2222222222222222 * t51);
      let t109 = ((-0.2222222222222222 * t11 + 0.9444444444444444 * t27) + -0.2222222222222222 * t43);
      let t110 = ((0.002777777777777778 * t19 + -0.013888888888888888 * t35) + 0.011111111111111112 * t51);
      let t111 = ((0.005555555555555556 * t11 + -0.027777777777777776 * t27) + 0.022222222222222223 * t43);
      let t112 = (((t3 + -5.25 * t19) + 5.25 * t35) - t51);
      let t113 = (t106 + t107);
      let t114 = (t106 - t107);
      let t115 = (t108 + t109);
      let t116 = (t108 - t109);
      let t117 = (t110 + t111);
      let t118 = (t110 - t111);
      let t119 = (((5.25 * t27 + -5.25 * t43) + t59) - t11);
      let t120 = ((2.8444444444444446 * t20 + -3.5555555555555554 * t36) + 0.7111111111111111 * t52);
      let t121 = ((1.4222222222222223 * t12 + -1.7777777777777777 * t28) + 0.35555555555555557 * t44);
      let t122 = ((-0.2222222222222222 * t20 + 0.9444444444444444 * t36) + -0.2222222222222222 * t52);
      let t123 = ((-0.2222222222222222 * t12 + 0.9444444444444444 * t28) + -0.2222222222222222 * t44);
      let t124 = ((0.002777777777777778 * t20 + -0.013888888888888888 * t36) + 0.011111111111111112 * t52);
      let t125 = ((0.005555555555555556 * t12 + -0.027777777777777776 * t28) + 0.022222222222222223 * t44);
      let t126 = (((t4 + -5.25 * t20) + 5.25 * t36) - t52);
      let t127 = (t120 + t121);
      let t128 = (t120 - t121);
      let t129 = (t122 + t123);
      let t130 = (t122 - t123);
      let t131 = (t124 + t125);
      let t132 = (t124 - t125);
      let t133 = (((5.25 * t28 + -5.25 * t44) + t60) - t12);
      let t134 = ((2.8444444444444446 * t21 + -3.5555555555555554 * t37) + 0.7111111111111111 * t53);
      let t135 = ((1.4222222222222223 * t13 + -1.7777777777777777 * t29) + 0.35555555555555557 * t45);
      let t136 = ((-0.2222222222222222 * t21 + 0.9444444444444444 * t37) + -0.2222222222222222 * t53);
      let t137 = ((-0.2222222222222222 * t13 + 0.9444444444444444 * t29) + -0.2222222222222222 * t45);
      let t138 = ((0.002777777777777778 * t21 + -0.013888888888888888 * t37) + 0.011111111111111112 * t53);
      let t139 = ((0.005555555555555556 * t13 + -0.027777777777777776 * t29) + 0.022222222222222223 * t45);
      let t140 = (((t5 + -5.25 * t21) + 5.25 * t37) - t53);
      let t141 = (t134 + t135);
      let t142 = (t134 - t135);
      let t143 = (t136 + t137);
      let t144 = (t136 - t137);
      let t145 = (t138 + t139);
      let t146 = (t138 - t139);
      let t147 = (((5.25 * t29 + -5.25 * t45) + t61) - t13);
      let t148 = ((2.8444444444444446 * t22 + -3.5555555555555554 * t38) + 0.7111111111111111 * t54);
      let t149 = ((1.4222222222222223 * t14 + -1.7777777777777777 * t30) + 0.35555555555555557 * t46);
      let t150 = ((-0.2222222222222222 * t22 + 0.9444444444444444 * t38) + -0.2222222222222222 * t54);
      let t151 = ((-0.2222222222222222 * t14 + 0.9444444444444444 * t30) + -0.2222222222222222 * t46);
      let t152 = ((0.002777777777777778 * t22 + -0.013888888888888888 * t38) + 0.011111111111111112 * t54);
      let t153 = ((0.005555555555555556 * t14 + -0.027777777777777776 * t30) + 0.022222222222222223 * t46);
      let t154 = (((t6 + -5.25 * t22) + 5.25 * t38) - t54);
      let t155 = (t148 + t149);
      let t156 = (t148 - t149);
      let t157 = (t150 + t151);
      let t158 = (t150 - t151);
      let t159 = (t152 + t153);
      let t160 = (t152 - t153);
      let t161 = (((5.25 * t30 + -5.25 * t46) + t62) - t14);
      let t162 = ((2.8444444444444446 * t23 + -3.5555555555555554 * t39) + 0.7111111111111111 * t55);
      let t163 = ((1.4222222222222223 * t15 + -1.7777777777777777 * t31) + 0.35555555555555557 * t47);
      let t164 = ((-0.2222222222222222 * t23 + 0.9444444444444444 * t39) + -0.2222222222222222 * t55);
      let t165 = ((-0.2222222222222222 * t15 + 0.9444444444444444 * t31) + -0.2222222222222222 * t47);
      let t166 = ((0.002777777777777778 * t23 + -0.013888888888888888 * t39) + 0.011111111111111112 * t55);
      let t167 = ((0.005555555555555556 * t15 + -0.027777777777777776 * t31) + 0.022222222222222223 * t47);
      let t168 = (((t7 + -5.25 * t23) + 5.25 * t39) - t55);
      let t169 = (t162 + t163);
      let t170 = (t162 - t163);
      let t171 = (t164 + t165);
      let t172 = (t164 - t165);
      let t173 = (t166 + t167);
      let t174 = (t166 - t167);
      let t175 = (((5.25 * t31 + -5.25 * t47) + t63) - t15);
      let t176 = ((2.8444444444444446 * t98 + -3.5555555555555554 * t126) + 0.7111111111111111 * t154);
      let t177 = ((1.4222222222222223 * t84 + -1.7777777777777777 * t112) + 0.35555555555555557 * t140);
      let t178 = ((-0.2222222222222222 * t98 + 0.9444444444444444 * t126) + -0.2222222222222222 * t154);
      let t179 = ((-0.2222222222222222 * t84 + 0.9444444444444444 * t112) + -0.2222222222222222 * t140);
      let t180 = ((0.002777777777777778 * t98 + -0.013888888888888888 * t126) + 0.011111111111111112 * t154);
      let t181 = ((0.005555555555555556 * t84 + -0.027777777777777776 * t112) + 0.022222222222222223 * t140);
      let t182 = (((t70 + -5.25 * t98) + 5.25 * t126) - t154);
      let t183 = (t176 + t177);
      let t184 = (t176 - t177);
      let t185 = (t178 + t179);
      let t186 = (t178 - t179);
      let t187 = (t180 + t181);
      let t188 = (t180 - t181);
      let t189 = (((5.25 * t112 + -5.25 * t140) + t168) - t84);
      let t190 = ((2.8444444444444446 * t99 + -3.5555555555555554 * t127) + 0.7111111111111111 * t155);
      let t191 = ((1.4222222222222223 * t85 + -1.7777777777777777 * t113) + 0.35555555555555557 * t141);
      let t192 = ((-0.2222222222222222 * t99 + 0.9444444444444444 * t127) + -0.2222222222222222 * t155);
      let t193 = ((-0.2222222222222222 * t85 + 0.9444444444444444 * t113) + -0.2222222222222222 * t141);
      let t194 = ((0.002777777777777778 * t99 + -0.013888888888888888 * t127) + 0.011111111111111112 * t155);
      let t195 = ((0.005555555555555556 * t85 + -0.027777777777777776 * t113) + 0.022222222222222223 * t141);
      let t196 = (((t71 + -5.25 * t99) + 5.25 * t127) - t155);
      let t197 = (t190 + t191);
      let t198 = (t190 - t191);
      let t199 = (t192 + t193);
      let t200 = (t192 - t193);
      let t201 = (t194 + t195);
      let t202 = (t194 - t195);
      let t203 = (((5.25 * t113 + -5.25 * t141) + t169) - t85);
      let t204 = ((2.8444444444444446 * t100 + -3.5555555555555554 * t128) + 0.7111111111111111 * t156);
      let t205 = ((1.4222222222222223 * t86 + -1.7777777777777777 * t114) + 0.35555555555555557 * t142);
      let t206 = ((-0.2222222222222222 * t100 + 0.9444444444444444 * t128) + -0.2222222222222222 * t156);
      let t207 = ((-0.2222222222222222 * t86 + 0.9444444444444444 * t114) + -0.2222222222222222 * t142);
      let t208 = ((0.002777777777777778 * t100 + -0.013888888888888888 * t128) + 0.011111111111111112 * t156);
      let t209 = ((0.005555555555555556 * t86 + -0.027777777777777776 * t114) + 0.022222222222222223 * t142);
      let t210 = (((t72 + -5.25 * t100) + 5.25 * t128) - t156);
      let t211 = (t204 + t205);
      let t212 = (t204 - t205);
      let t213 = (t206 + t207);
      let t214 = (t206 - t207);
      let t215 = (t208 + t209);
      let t216 = (t208 - t209);
      let t217 = (((5.25 * t114 + -5.25 * t142) + t170) - t86);
      let t218 = ((2.8444444444444446 * t101 + -3.5555555555555554 * t129) + 0.7111111111111111 * t157);
      let t219 = ((1.4222222222222223 * t87 + -1.7777777777777777 * t115) + 0.35555555555555557 * t143);
      let t220 = ((-0.2222222222222222 * t101 + 0.9444444444444444 * t129) + -0.2222222222222222 * t157);
      let t221 = ((-0.2222222222222222 * t87 + 0.9444444444444444 * t115) + -0.2222222222222222 * t143);
      let t222 = ((0.002777777777777778 * t101 + -0.013888888888888888 * t129) + 0.011111111111111112 * t157);
      let t223 = ((0.005555555555555556 * t87 + -0.027777777777777776 * t115) + 0.022222222222222223 * t143);
      let t224 = (((t73 + -5.25 * t101) + 5.25 * t129) - t157);
      let t225 = (t218 + t219);
      let t226 = (t218 - t219);
      let t227 = (t220 + t221);
      let t228 = (t220 - t221);
      let t229 = (t222 + t223);
      let t230 = (t222 - t223);
      let t231 = (((5.25 * t115 + -5.25 * t143) + t171) - t87);
      let t232 = ((2.8444444444444446 * t102 + -3.5555555555555554 * t130) + 0.7111111111111111 * t158);
      let t233 = ((1.4222222222222223 * t88 + -1.7777777777777777 * t116) + 0.35555555555555557 * t144);
      let t234 = ((-0.2222222222222222 * t102 + 0.9444444444444444 * t130) + -0.2222222222222222 * t158);
      let t235 = ((-0.2222222222222222 * t88 + 0.9444444444444444 * t116) + -0.2222222222222222 * t144);
      let t236 = ((0.002777777777777778 * t102 + -0.013888888888888888 * t130) + 0.011111111111111112 * t158);
      let t237 = ((0.005555555555555556 * t88 + -0.027777777777777776 * t116) + 0.022222222222222223 * t144);
      let t238 = (((t74 + -5.25 * t102) + 5.25 * t130) - t158);
      let t239 = (t232 + t233);
      let t240 = (t232 - t233);
      let t241 = (t234 + t235);
      let t242 = (t234 - t235);
      let t243 = (t236 + t237);
      let t244 = (t236 - t237);
      let t245 = (((5.25 * t116 + -5.25 * t144) + t172) - t88);
      let t246 = ((2.8444444444444446 * t103 + -3.5555555555555554 * t131) + 0.7111111111111111 * t159);
      let t247 = ((1.4222222222222223 * t89 + -1.7777777777777777 * t117) + 0.35555555555555557 * t145);
      let t248 = ((-0.2222222222222222 * t103 + 0.9444444444444444 * t131) + -0.2222222222222222 * t159);
      let t249 = ((-0.2222222222222222 * t89 + 0.9444444444444444 * t117) + -0.2222222222222222 * t145);
      let t250 = ((0.002777777777777778 * t103 + -0.013888888888888888 * t131) + 0.011111111111111112 * t159);
      let t251 = ((0.005555555555555556 * t89 + -0.027777777777777776 * t117) + 0.022222222222222223 * t145);
      let t252 = (((t75 + -5.25 * t103) + 5.25 * t131) - t159);
      let t253 = (t246 + t247);
      let t254 = (t246 - t247);
      let t255 = (t248 + t249);
      let t256 = (t248 - t249);
      let t257 = (t250 + t251);
      let t258 = (t250 - t251);
      let t259 = (((5.25 * t117 + -5.25 * t145) + t173) - t89);
      let t260 = ((2.8444444444444446 * t104 + -3.5555555555555554 * t132) + 0.7111111111111111 * t160);
      let t261 = ((1.4222222222222223 * t90 + -1.7777777777777777 * t118) + 0.35555555555555557 * t146);
      let t262 = ((-0.2222222222222222 * t104 + 0.9444444444444444 * t132) + -0.2222222222222222 * t160);
      let t263 = ((-0.2222222222222222 * t90 + 0.9444444444444444 * t118) + -0.2222222222222222 * t146);
      let t264 = ((0.002777777777777778 * t104 + -0.013888888888888888 * t132) + 0.011111111111111112 * t160);
      let t265 = ((0.005555555555555556 * t90 + -0.027777777777777776 * t118) + 0.022222222222222223 * t146);
      let t266 = (((t76 + -5.25 * t104) + 5.25 * t132) - t160);
      let t267 = (t260 + t261);
      let t268 = (t260 - t261);
      let t269 = (t262 + t263);
      let t270 = (t262 - t263);
      let t271 = (t264 + t265);
      let t272 = (t264 - t265);
      let t273 = (((5.25 * t118 + -5.25 * t146) + t174) - t90);
      let t274 = ((2.8444444444444446 * t105 + -3.5555555555555554 * t133) + 0.7111111111111111 * t161);
      let t275 = ((1.4222222222222223 * t91 + -1.7777777777777777 * t119) + 0.35555555555555557 * t147);
      let t276 = ((-0.2222222222222222 * t105 + 0.9444444444444444 * t133) + -0.2222222222222222 * t161);
      let t277 = ((-0.2222222222222222 * t91 + 0.9444444444444444 * t119) + -0.2222222222222222 * t147);
      let t278 = ((0.002777777777777778 * t105 + -0.013888888888888888 * t133) + 0.011111111111111112 * t161);
      let t279 = ((0.005555555555555556 * t91 + -0.027777777777777776 * t119) + 0.022222222222222223 * t147);
      let t280 = (((t77 + -5.25 * t105) + 5.25 * t133) - t161);
      let t281 = (t274 + t275);
      let t282 = (t274 - t275);
      let t283 = (t276 + t277);
      let t284 = (t276 - t277);
      let t285 = (t278 + t279);
      let t286 = (t278 - t279);
      let t287 = (((5.25 * t119 + -5.25 * t147) + t175) - t91);
      v_data[to + 0 * (band_rows * ci / 4)] = t182;
      v_data[to + 1 * (band_rows * ci / 4)] = t183;
      v_data[to + 2 * (band_rows * ci / 4)] = t184;
      v_data[to + 3 * (band_rows * ci / 4)] = t185;
      v_data[to + 4 * (band_rows * ci / 4)] = t186;
      v_data[to + 5 * (band_rows * ci / 4)] = t187;
      v_data[to + 6 * (band_rows * ci / 4)] = t188;
      v_data[to + 7 * (band_rows * ci / 4)] = t189;
      v_data[to + 8 * (band_rows * ci / 4)] = t196;
      v_data[to + 9 * (band_rows * ci / 4)] = t197;
      v_data[to + 10 * (band_rows * ci / 4)] = t198;
      v_data[to + 11 * (band_rows * ci / 4)] = t199;
      v_data[to + 12 * (band_rows * ci / 4)] = t200;
      v_data[to + 13 * (band_rows * ci / 4)] = t201;
      v_data[to + 14 * (band_rows * ci / 4)] = t202;
      v_data[to + 15 * (band_rows * ci / 4)] = t203;
      v_data[to + 16 * (band_rows * ci / 4)] = t210;
      v_data[to + 17 * (band_rows * ci / 4)] = t211;
      v_data[to + 18 * (band_rows * ci / 4)] = t212;
      v_data[to + 19 * (band_rows * ci / 4)] = t213;
      v_data[to + 20 * (band_rows * ci / 4)] = t214;
      v_data[to + 21 * (band_rows * ci / 4)] = t215;
      v_data[to + 22 * (band_rows * ci / 4)] = t216;
      v_data[to + 23 * (band_rows * ci / 4)] = t217;
      v_data[to + 24 * (band_rows * ci / 4)] = t224;
      v_data[to + 25 * (band_rows * ci / 4)] = t225;
      v_data[to + 26 * (band_rows * ci / 4)] = t226;
      v_data[to + 27 * (band_rows * ci / 4)] = t227;
      v_data[to + 28 * (band_rows * ci / 4)] = t228;
      v_data[to + 29 * (band_rows * ci / 4)] = t229;
      v_data[to + 30 * (band_rows * ci / 4)] = t230;
      v_data[to + 31 * (band_rows * ci / 4)] = t231;
      v_data[to + 32 * (band_rows * ci / 4)] = t238;
      v_data[to + 33 * (band_rows * ci / 4)] = t239;
      v_data[to + 34 * (band_rows * ci / 4)] = t240;
      v_data[to + 35 * (band_rows * ci / 4)] = t241;
      v_data[to + 36 * (band_rows * ci / 4)] = t242;
      v_data[to + 37 * (band_rows * ci / 4)] = t243;
      v_data[to + 38 * (band_rows * ci / 4)] = t244;
      v_data[to + 39 * (band_rows * ci / 4)] = t245;
      v_data[to + 40 * (band_rows * ci / 4)] = t252;
      v_data[to + 41 * (band_rows * ci / 4)] = t253;
      v_data[to + 42 * (band_rows * ci / 4)] = t254;
      v_data[to + 43 * (band_rows * ci / 4)] = t255;
      v_data[to + 44 * (band_rows * ci / 4)] = t256;
      v_data[to + 45 * (band_rows * ci / 4)] = t257;
      v_data[to + 46 * (band_rows * ci / 4)] = t258;
      v_data[to + 47 * (band_rows * ci / 4)] = t259;
      v_data[to + 48 * (band_rows * ci / 4)] = t266;
      v_data[to + 49 * (band_rows * ci / 4)] = t267;
      v_data[to + 50 * (band_rows * ci / 4)] = t268;
      v_data[to + 51 * (band_rows * ci / 4)] = t269;
      v_data[to + 52 * (band_rows * ci / 4)] = t270;
      v_data[to + 53 * (band_rows * ci / 4)] = t271;
      v_data[to + 54 * (band_rows * ci / 4)] = t272;
      v_data[to + 55 * (band_rows * ci / 4)] = t273;
      v_data[to + 56 * (band_rows * ci / 4)] = t280;
      v_data[to + 57 * (band_rows * ci / 4)] = t281;
      v_data[to + 58 * (band_rows * ci / 4)] = t282;
      v_data[to + 59 * (band_rows * ci / 4)] = t283;
      v_data[to + 60 * (band_rows * ci / 4)] = t284;
      v_data[to + 61 * (band_rows * ci / 4)] = t285;
      v_data[to + 62 * (band_rows * ci / 4)] = t286;
      v_data[to + 63 * (band_rows * ci / 4)] = t287;
    }

    // Then
    const products = 64;
    const down = 1;
    const across_ = 1;
    const tiles = 1;
    const band_tiles = 1;
    const band_rows = 64;

    /** The row of product 0 of a tile. */
    fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }

    const rows = 4096;
    const columns = co;
    const taps = 1;
    const depth = ci;
    const band = 1;

    fn x_at(i: i32) -> f32 { return v_at(i); }
    fn x_at4(i: i32) -> vec4f { return v_at4(i); }
    fn weight_matrix(row: i32) -> i32 { return row / band_rows % products; }
    fn row_start(row: i32, tap: i32) -> i32 { return row * ci; }
    fn write_row(row: i32, column: i32, value: vec4f) { s_data[(row * 8 + column) / 4] = value; }

    var<workgroup> x_tile: array<array<vec4f, 4>, 64>;
    var<workgroup> weight_tile: array<array<vec4f, 16>, 16>;

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let lane = i32(local);
      let load_row = lane / 4;
      let load_channel = lane % 4 * 4;
      let weight_row = lane / 16;
      let weight_column = first_column + lane % 16 * 4;
      let row = lane / 16 * 4;
      let column = lane % 16;
      var sum = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = -1;
        if (first_row + load_row < rows) { start = row_start(first_row + load_row, tap); }
        for (var channel = 0; channel < depth; channel += 16) {
          var x = vec4f();
          if (start >= 0 && channel + load_channel < depth) { x = x_at4(start + channel + load_channel); }
          var weight = vec4f();
          if (channel + weight_row < depth && weight_column < weight_width) {
            weight = weight_at4((matrix + tap * depth + channel + weight_row) * weight_width + weight_column);
          }
          workgroupBarrier();
          x_tile[load_row][lane % 4] = x;
          weight_tile[weight_row][lane % 16] = weight;
          workgroupBarrier();
          for (var k = 0; k < 4; k++) {
            let w0 = weight_tile[k * 4][column];
            let w1 = weight_tile[k * 4 + 1][column];
            let w2 = weight_tile[k * 4 + 2][column];
            let w3 = weight_tile[k * 4 + 3][column];
            for (var r = 0; r < 4; r++) {
              let v = x_tile[row + r][k];
              sum[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
            }
          }
        }
      }
      if (first_column + column * 4 < columns) {
        for (var r = 0; r < 4; r++) {
          if (first_row + row + r < rows) { write_row(first_row + row + r, first_column + column * 4, sum[r]); }
        }
      }
    }

    // Then
    const products = 64;
    const down = 1;
    const across_ = 1;
    const tiles = 1;
    const band_tiles = 1;
    const band_rows = 64;

    /** The row of product 0 of a tile. */
    fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }

    const width = 8;

    // One thread per tile and four channels.
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      let tile = at / (width / 4);
      let channel = at % (width / 4) * 4;
      if (tile >= tiles) { return; }
      let first = row_of(tile) * width + channel;
      var from_ = array<vec4f, 64>();
      for (var p = 0; p < products; p++) { from_[p] = s_at4(first + p * band_rows * width); }
      var result = array<vec4f, 36>();
      let t0 = from_[0];
      let t1 = from_[1];
      let t2 = from_[2];
      let t3 = from_[3];
      let t4 = from_[4];
      let t5 = from_[5];
      let t6 = from_[6];
      let t7 = from_[7];
      let t8 = from_[8];
      let t9 = from_[9];
      let t10 = from_[10];
      let t11 = from_[11];
      let t12 = from_[12];
      let t13 = from_[13];
      let t14 = from_[14];
      let t15 = from_[15];
      let t16 = from_[16];
      let t17 = from_[17];
      let t18 = from_[18];
      let t19 = from_[19];
      let t20 = from_[20];
      let t21 = from_[21];
      let t22 = from_[22];
      let t23 = from_[23];
      let t24 = from_[24];
      let t25 = from_[25];
      let t26 = from_[26];
      let t27 = from_[27];
      let t28 = from_[28];
      let t29 = from_[29];
      let t30 = from_[30];
      let t31 = from_[31];
      let t32 = from_[32];
      let t33 = from_[33];
      let t34 = from_[34];
      let t35 = from_[35];
      let t36 = from_[36];
      let t37 = from_[37];
      let t38 = from_[38];
      let t39 = from_[39];
      let t40 = from_[40];
      let t41 = from_[41];
      let t42 = from_[42];
      let t43 = from_[43];
      let t44 = from_[44];
      let t45 = from_[45];
      let t46 = from_[46];
      let t47 = from_[47];
      let t48 = from_[48];
      let t49 = from_[49];
      let t50 = from_[50];
      let t51 = from_[51];
      let t52 = from_[52];
      let t53 = from_[53];
      let t54 = from_[54];
      let t55 = from_[55];
      let t56 = from_[56];
      let t57 = from_[57];
      let t58 = from_[58];
      let t59 = from_[59];
      let t60 = from_[60];
      let t61 = from_[61];
      let t62 = from_[62];
      let t63 = from_[63];
      let t64 = (t8 + t16);
      let t65 = (t24 + t32);
      let t66 = (t40 + t48);
      let t67 = (t8 - t16);
      let t68 = (t24 - t32);
      let t69 = (t40 - t48);
      let t70 = (((t0 + t64) + t65) + t66);
      let t71 = ((0.5 * t67 + t68) + 2 * t69);
      let t72 = ((0.25 * t64 + t65) + 4 * t66);
      let t73 = ((0.125 * t67 + t68) + 8 * t69);
      let t74 = ((0.0625 * t64 + t65) + 16 * t66);
      let t75 = (((t56 + 0.03125 * t67) + t68) + 32 * t69);
      let t76 = (t9 + t17);
      let t77 = (t25 + t33);
      let t78 = (t41 + t49);
      let t79 = (t9 - t17);
      let t80 = (t25 - t33);
      let t81 = (t41 - t49);
      let t82 = (((t1 + t76) + t77) + t78);
      let t83 = ((0.5 * t79 + t80) + 2 * t81);
      let t84 = ((0.25 * t76 + t77) + 4 * t78);
      let t85 = ((0.125 * t79 + t80) + 8 * t81);
      let t86 = ((0.0625 * t76 + t77) + 16 * t78);
      let t87 = (((t57 + 0.03125 * t79) + t80) + 32 * t81);
      let t88 = (t10 + t18);
      let t89 = (t26 + t34);
      let t90 = (t42 + t50);
      let t91 = (t10 - t18);
      let t92 = (t26 - t34);
      let t93 = (t42 - t50);
      let t94 = (((t2 + t88) + t89) + t90);
      let t95 = ((0.5 * t91 + t92) + 2 * t93);
      let t96 = ((0.25 * t88 + t89) + 4 * t90);
      let t97 = ((0.125 * t91 + t92) + 8 * t93);
      let t98 = ((0.0625 * t88 + t89) + 16 * t90);
      let t99 = (((t58 + 0.03125 * t91) + t92) + 32 * t93);
      let t100 = (t11 + t19);
      let t101 = (t27 + t35);
      let t102 = (t43 + t51);
      let t103 = (t11 - t19);
      let t104 = (t27 - t35);
      let t105 = (t43 - t51);
      let t106 = (((t3 + t100) + t101) + t102);
      let t107 = ((0.5 * t103 + t104) + 2 * t105);
      let t108 = ((0.25 * t100 + t101) + 4 * t102);
      let t109 = ((0.125 * t103 + t104) + 8 * t105);
      let t110 = ((0.0625 * t100 + t101) + 16 * t102);
      let t111 = (((t59 + 0.03125 * t103) + t104) + 32 * t105);
      let t112 = (t12 + t20);
      let t113 = (t28 + t36);
      let t114 = (t44 + t52);
      let t115 = (t12 - t20);
      let t116 = (t28 - t36);
      let t117 = (t44 - t52);
      let t118 = (((t4 + t112) + t113) + t114);
      let t119 = ((0.5 * t115 + t116) + 2 * t117);
      let t120 = ((0.25 * t112 + t113) + 4 * t114);
      let t121 = ((0.125 * t115 + t116) + 8 * t117);
      let t122 = ((0.0625 * t112 + t113) + 16 * t114);
      let t123 = (((t60 + 0.03125 * t115) + t116) + 32 * t117);
      let t124 = (t13 + t21);
      let t125 = (t29 + t37);
      let t126 = (t45 + t53);
      let t127 = (t13 - t21);
      let t128 = (t29 - t37);
      let t129 = (t45 - t53);
      let t130 = (((t5 + t124) + t125) + t126);
      let t131 = ((0.5 * t127 + t128) + 2 * t129);
      let t132 = ((0.25 * t124 + t125) + 4 * t126);
      let t133 = ((0.125 * t127 + t128) + 8 * t129);
      let t134 = ((0.0625 * t124 + t125) + 16 * t126);
      let t135 = (((t61 + 0.03125 * t127) + t128) + 32 * t129);
      let t136 = (t14 + t22);
      let t137 = (t30 + t38);
      let t138 = (t46 + t54);
      let t139 = (t14 - t22);
      let t140 = (t30 - t38);
      let t141 = (t46 - t54);
      let t142 = (((t6 + t136) + t137) + t138);
      let t143 = ((0.5 * t139 + t140) + 2 * t141);
      let t144 = ((0.25 * t136 + t137) + 4 * t138);
      let t145 = ((0.125 * t139 + t140) + 8 * t141);
      let t146 = ((0.0625 * t136 + t137) + 16 * t138);
      let t147 = (((t62 + 0.03125 * t139) + t140) + 32 * t141);
      let t148 = (t15 + t23);
      let t149 = (t31 + t39);
      let t150 = (t47 + t55);
      let t151 = (t15 - t23);
      let t152 = (t31 - t39);
      let t153 = (t47 - t55);
      let t154 = (((t7 + t148) + t149) + t150);
      let t155 = ((0.5 * t151 + t152) + 2 * t153);
      let t156 = ((0.25 * t148 + t149) + 4 * t150);
      let t157 = ((0.125 * t151 + t152) + 8 * t153);
      let t158 = ((0.0625 * t148 + t149) + 16 * t150);
      let t159 = (((t63 + 0.03125 * t151) + t152) + 32 * t153);
      let t160 = (t82 + t94);
      let t161 = (t106 + t118);
      let t162 = (t130 + t142);
      let t163 = (t82 - t94);
      let t164 = (t106 - t118);
      let t165 = (t130 - t142);
      let t166 = (((t70 + t160) + t161) + t162);
      let t167 = ((0.5 * t163 + t164) + 2 * t165);
      let t168 = ((0.25 * t160 + t161) + 4 * t162);
      let t169 = ((0.125 * t163 + t164) + 8 * t165);
      let t170 = ((0.0625 * t160 + t161) + 16 * t162);
      let t171 = (((t154 + 0.03125 * t163) + t164) + 32 * t165);
      let t172 = (t83 + t95);
      let t173 = (t107 + t119);
      let t174 = (t131 + t143);
      let t175 = (t83 - t95);
      let t176 = (t107 - t119);
      let t177 = (t131 - t143);
      let t178 = (((t71 + t172) + t173) + t174);
      let t179 = ((0.5 * t175 + t176) + 2 * t177);
      let t180 = ((0.25 * t172 + t173) + 4 * t174);
      let t181 = ((0.125 * t175 + t176) + 8 * t177);
      let t182 = ((0.0625 * t172 + t173) + 16 * t174);
      let t183 = (((t155 + 0.03125 * t175) + t176) + 32 * t177);
      let t184 = (t84 + t96);
      let t185 = (t108 + t120);
      let t186 = (t132 + t144);
      let t187 = (t84 - t96);
      let t188 = (t108 - t120);
      let t189 = (t132 - t144);
      let t190 = (((t72 + t184) + t185) + t186);
      let t191 = ((0.5 * t187 + t188) + 2 * t189);
      let t192 = ((0.25 * t184 + t185) + 4 * t186);
      let t193 = ((0.125 * t187 + t188) + 8 * t189);
      let t194 = ((0.0625 * t184 + t185) + 16 * t186);
      let t195 = (((t156 + 0.03125 * t187) + t188) + 32 * t189);
      let t196 = (t85 + t97);
      let t197 = (t109 + t121);
      let t198 = (t133 + t145);
      let t199 = (t85 - t97);
      let t200 = (t109 - t121);
      let t201 = (t133 - t145);
      let t202 = (((t73 + t196) + t197) + t198);
      let t203 = ((0.5 * t199 + t200) + 2 * t201);
      let t204 = ((0.25 * t196 + t197) + 4 * t198);
      let t205 = ((0.125 * t199 + t200) + 8 * t201);
      let t206 = ((0.0625 * t196 + t197) + 16 * t198);
      let t207 = (((t157 + 0.03125 * t199) + t200) + 32 * t201);
      let t208 = (t86 + t98);
      let t209 = (t110 + t122);
      let t210 = (t134 + t146);
      let t211 = (t86 - t98);
      let t212 = (t110 - t122);
      let t213 = (t134 - t146);
      let t214 = (((t74 + t208) + t209) + t210);
      let t215 = ((0.5 * t211 + t212) + 2 * t213);
      let t216 = ((0.25 * t208 + t209) + 4 * t210);
      let t217 = ((0.125 * t211 + t212) + 8 * t213);
      let t218 = ((0.0625 * t208 + t209) + 16 * t210);
      let t219 = (((t158 + 0.03125 * t211) + t212) + 32 * t213);
      let t220 = (t87 + t99);
      let t221 = (t111 + t123);
      let t222 = (t135 + t147);
      let t223 = (t87 - t99);
      let t224 = (t111 - t123);
      let t225 = (t135 - t147);
      let t226 = (((t75 + t220) + t221) + t222);
      let t227 = ((0.5 * t223 + t224) + 2 * t225);
      let t228 = ((0.25 * t220 + t221) + 4 * t222);
      let t229 = ((0.125 * t223 + t224) + 8 * t225);
      let t230 = ((0.0625 * t220 + t221) + 16 * t222);
      let t231 = (((t159 + 0.03125 * t223) + t224) + 32 * t225);
      result[0] = t166;
      result[1] = t167;
      result[2] = t168;
      result[3] = t169;
      result[4] = t170;
      result[5] = t171;
      result[6] = t178;
      result[7] = t179;
      result[8] = t180;
      result[9] = t181;
      result[10] = t182;
      result[11] = t183;
      result[12] = t190;
      result[13] = t191;
      result[14] = t192;
      result[15] = t193;
      result[16] = t194;
      result[17] = t195;
      result[18] = t202;
      result[19] = t203;
      result[20] = t204;
      result[21] = t205;
      result[22] = t206;
      result[23] = t207;
      result[24] = t214;
      result[25] = t215;
      result[26] = t216;
      result[27] = t217;
      result[28] = t218;
      result[29] = t219;
      result[30] = t226;
      result[31] = t227;
      result[32] = t228;
      result[33] = t229;
      result[34] = t230;
      result[35] = t231;
      let b = tile / (down * across_);
      for (var r = 0; r < 6; r++) {
        for (var s = 0; s < 6; s++) {
          let i = tile / across_ % down * 6 + r;
          let j = tile % across_ * 6 + s;
          if (i < ho && j < wo) {
            let value = result[r * 6 + s];
            write4_y(b, channel, i, j, value);
          }
        }
      }
    }
    "
  `);
});

test("embed.gather", () => {
  expect(shader("embed.gather")).toMatchInlineSnapshot(`
    "
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at < b * e) { write_y(at / e, at % e, read_table(read_ids(at / e), at % e)); }
    }
    "
  `);
});

test("gated.direct", () => {
  expect(shader("gated.direct")).toMatchInlineSnapshot(`
    "
    fn gate(first: vec4f, second: vec4f) -> vec4f {
      let t0 = first;
      let t1 = second;
      let t2 = vec4f(0.5) * t1;
      let t3 = t1 * vec4f(0.7071067811865476);
      let t4 = erf4(t3);
      let t5 = vec4f(1) + t4;
      let t6 = t2 * t5;
      let t7 = t0 * t6;
      return t7;
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let first = workgroup_index(id) * 256;
      let end = min(first + 256, 40);
      for (var at = first + i32(lane) * 4; at < end; at += 256) {
        let row = at / o;
        let column = at % o;
        write4_y(row, column, gate(x_at4(row * p + column), x_at4(row * p + column + o)));
      }
    }
    "
  `);
});

test("gatedLinear.tiled", () => {
  expect(shader("gatedLinear.tiled")).toMatchInlineSnapshot(`
    "
    const rows = b;
    const columns = p;
    const taps = 1;
    const depth = k;
    const band = 1;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

    fn gate(first: f32, second: f32) -> f32 {
      let t0 = first;
      let t1 = second;
      let t2 = f32(0.5) * t1;
      let t3 = t1 * f32(0.7071067811865476);
      let t4 = erf(t3);
      let t5 = f32(1) + t4;
      let t6 = t2 * t5;
      let t7 = t0 * t6;
      return t7;
    }

    fn write_row(row: i32, column: i32, value: vec4f) {
      for (var i = 0; i < min(4, columns - column); i += 2) {
        let at = (column + i) / 2;
        write_y(row, at, gate(value[i] + bias_at(at), value[i + 1] + bias_at(at + o)));
      }
    }

    var<workgroup> x_tile: array<array<vec4f, 4>, 64>;
    var<workgroup> weight_tile: array<array<vec4f, 16>, 16>;

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let lane = i32(local);
      let load_row = lane / 4;
      let load_channel = lane % 4 * 4;
      let weight_row = lane / 16;
      let weight_column = first_column + lane % 16 * 4;
      let row = lane / 16 * 4;
      let column = lane % 16;
      var sum = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = -1;
        if (first_row + load_row < rows) { start = row_start(first_row + load_row, tap); }
        for (var channel = 0; channel < depth; channel += 16) {
          var x = vec4f();
          if (start >= 0 && channel + load_channel < depth) { x = x_at4(start + channel + load_channel); }
          var weight = vec4f();
          if (channel + weight_row < depth && weight_column < weight_width) {
            weight = weight_at4((matrix + tap * depth + channel + weight_row) * weight_width + weight_column);
          }
          workgroupBarrier();
          x_tile[load_row][lane % 4] = x;
          weight_tile[weight_row][lane % 16] = weight;
          workgroupBarrier();
          for (var k = 0; k < 4; k++) {
            let w0 = weight_tile[k * 4][column];
            let w1 = weight_tile[k * 4 + 1][column];
            let w2 = weight_tile[k * 4 + 2][column];
            let w3 = weight_tile[k * 4 + 3][column];
            for (var r = 0; r < 4; r++) {
              let v = x_tile[row + r][k];
              sum[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
            }
          }
        }
      }
      if (first_column + column * 4 < columns) {
        for (var r = 0; r < 4; r++) {
          if (first_row + row + r < rows) { write_row(first_row + row + r, first_column + column * 4, sum[r]); }
        }
      }
    }
    "
  `);
});

test("gatedLinear.tiledRegisters", () => {
  expect(shader("gatedLinear.tiledRegisters")).toMatchInlineSnapshot(`
    "
    const rows = b;
    const columns = p;
    const taps = 1;
    const depth = k;
    const band = 1;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

    fn gate(first: f32, second: f32) -> f32 {
      let t0 = first;
      let t1 = second;
      let t2 = f32(0.5) * t1;
      let t3 = t1 * f32(0.7071067811865476);
      let t4 = erf(t3);
      let t5 = f32(1) + t4;
      let t6 = t2 * t5;
      let t7 = t0 * t6;
      return t7;
    }

    fn write_row(row: i32, column: i32, value: vec4f) {
      for (var i = 0; i < min(4, columns - column); i += 2) {
        let at = (column + i) / 2;
        write_y(row, at, gate(value[i] + bias_at(at), value[i + 1] + bias_at(at + o)));
      }
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 32;
      let row = first_row + i32(local) / 8 * 4;
      let column = tile / band % across * 64 + i32(local) % 8 * 8;
      if (row >= rows || column >= columns) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let both = column + 4 < weight_width;
      var left = array<vec4f, 4>();
      var right = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 4>();
        for (var r = 0; r < 4; r++) {
          start[r] = -1;
          if (row + r < rows) { start[r] = row_start(row + r, tap); }
        }
        for (var channel = 0; channel < depth; channel += 4) {
          var x = array<vec4f, 4>();
          for (var r = 0; r < 4; r++) {
            if (start[r] >= 0) { x[r] = x_at4(start[r] + channel); }
          }
          for (var k = 0; k < 4; k++) {
            let place = (matrix + tap * depth + channel + k) * weight_width + column;
            let l = weight_at4(place);
            for (var r = 0; r < 4; r++) { left[r] += x[r][k] * l; }
            if (both) {
              let w = weight_at4(place + 4);
              for (var r = 0; r < 4; r++) { right[r] += x[r][k] * w; }
            }
          }
        }
      }
      for (var r = 0; r < 4; r++) {
        if (row + r < rows) {
          write_row(row + r, column, left[r]);
          if (column + 4 < columns) { write_row(row + r, column + 4, right[r]); }
        }
      }
    }
    "
  `);
});

test("gatedLinear.tiledSubgroupMatrix", () => {
  expect(shader("gatedLinear.tiledSubgroupMatrix")).toMatchInlineSnapshot(`
    "enable f16;
    enable subgroups;
    enable chromium_experimental_subgroup_matrix;

    const rows = b;
    const columns = p;
    const taps = 1;
    const depth = k;
    const band = 1;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

    fn gate(first: f32, second: f32) -> f32 {
      let t0 = first;
      let t1 = second;
      let t2 = f32(0.5) * t1;
      let t3 = t1 * f32(0.7071067811865476);
      let t4 = erf(t3);
      let t5 = f32(1) + t4;
      let t6 = t2 * t5;
      let t7 = t0 * t6;
      return t7;
    }

    fn write_row(row: i32, column: i32, value: vec4f) {
      for (var i = 0; i < min(4, columns - column); i += 2) {
        let at = (column + i) / 2;
        write_y(row, at, gate(value[i] + bias_at(at), value[i + 1] + bias_at(at + o)));
      }
    }

    const lanes = 4;
    const threads = 4 * lanes;

    var<workgroup> x_tile: array<f16, 1024>; // 64 rows
    var<workgroup> high_tile: array<f16, 1024>;
    var<workgroup> weight_tile: array<f16, 1024>; // 16 rows
    var<workgroup> results: array<f32, 1024>; // 8 rows of each subgroup

    fn own_result(place: i32) -> vec4f {
      return vec4f(results[place], results[place + 1], results[place + 2], results[place + 3]);
    }

    @compute @workgroup_size(threads)
    fn main(
      @builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32,
      @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) invocation: u32
    ) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let thread = i32(local);
      let quarter = i32(subgroup);
      let top = quarter / 2 * 32;
      let left = quarter % 2 * 32;
      let first_place = quarter * 256 + i32(invocation) * 4;
      var sum_0_0: subgroup_matrix_result<f32, 8, 8>;
      var high_0_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_0_1: subgroup_matrix_result<f32, 8, 8>;
      var high_0_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_0_2: subgroup_matrix_result<f32, 8, 8>;
      var high_0_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_0_3: subgroup_matrix_result<f32, 8, 8>;
      var high_0_3: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_0: subgroup_matrix_result<f32, 8, 8>;
      var high_1_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_1: subgroup_matrix_result<f32, 8, 8>;
      var high_1_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_2: subgroup_matrix_result<f32, 8, 8>;
      var high_1_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_3: subgroup_matrix_result<f32, 8, 8>;
      var high_1_3: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_0: subgroup_matrix_result<f32, 8, 8>;
      var high_2_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_1: subgroup_matrix_result<f32, 8, 8>;
      var high_2_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_2: subgroup_matrix_result<f32, 8, 8>;
      var high_2_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_3: subgroup_matrix_result<f32, 8, 8>;
      var high_2_3: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_0: subgroup_matrix_result<f32, 8, 8>;
      var high_3_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_1: subgroup_matrix_result<f32, 8, 8>;
      var high_3_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_2: subgroup_matrix_result<f32, 8, 8>;
      var high_3_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_3: subgroup_matrix_result<f32, 8, 8>;
      var high_3_3: subgroup_matrix_result<f32, 8, 8>;
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 16>();
        for (var i = 0; i < 16; i++) {
          let row = first_row + (thread + i * threads) / 4;
          start[i] = -1;
          if (row < rows) { start[i] = row_start(row, tap); }
        }
        for (var channel = 0; channel < depth; channel += 16) {
          workgroupBarrier();
          for (var i = 0; i < 16; i++) {
            let at = thread + i * threads;
            let own = channel + at % 4 * 4;
            var x = vec4f();
            if (start[i] >= 0 && own < depth) { x = x_at4(start[i] + own); }
            let high = vec4<f16>(x / 2048);
            let low = vec4<f16>(x - vec4f(high) * 2048);
            let row = channel + at / 16;
            let column = first_column + at % 16 * 4;
            var weight = vec4f();
            if (row < depth && column < weight_width) { weight = weight_at4((matrix + tap * depth + row) * weight_width + column); }
            let half_weight = vec4<f16>(weight);
            for (var lane = 0; lane < 4; lane++) {
              x_tile[at * 4 + lane] = low[lane];
              high_tile[at * 4 + lane] = high[lane];
              weight_tile[at * 4 + lane] = half_weight[lane];
            }
          }
          workgroupBarrier();
          {
            let x_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 0) * 16 + 0), 16);
            let x_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 8) * 16 + 0), 16);
            let x_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 16) * 16 + 0), 16);
            let x_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 24) * 16 + 0), 16);
            let h_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 0) * 16 + 0), 16);
            let h_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 8) * 16 + 0), 16);
            let h_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 16) * 16 + 0), 16);
            let h_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 24) * 16 + 0), 16);
            let w_0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 0), 64);
            let w_1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 8), 64);
            let w_2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 16), 64);
            let w_3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 24), 64);
            sum_0_0 = subgroupMatrixMultiplyAccumulate(x_0, w_0, sum_0_0);
            high_0_0 = subgroupMatrixMultiplyAccumulate(h_0, w_0, high_0_0);
            sum_0_1 = subgroupMatrixMultiplyAccumulate(x_0, w_1, sum_0_1);
            high_0_1 = subgroupMatrixMultiplyAccumulate(h_0, w_1, high_0_1);
            sum_0_2 = subgroupMatrixMultiplyAccumulate(x_0, w_2, sum_0_2);
            high_0_2 = subgroupMatrixMultiplyAccumulate(h_0, w_2, high_0_2);
            sum_0_3 = subgroupMatrixMultiplyAccumulate(x_0, w_3, sum_0_3);
            high_0_3 = subgroupMatrixMultiplyAccumulate(h_0, w_3, high_0_3);
            sum_1_0 = subgroupMatrixMultiplyAccumulate(x_1, w_0, sum_1_0);
            high_1_0 = subgroupMatrixMultiplyAccumulate(h_1, w_0, high_1_0);
            sum_1_1 = subgroupMatrixMultiplyAccumulate(x_1, w_1, sum_1_1);
            high_1_1 = subgroupMatrixMultiplyAccumulate(h_1, w_1, high_1_1);
            sum_1_2 = subgroupMatrixMultiplyAccumulate(x_1, w_2, sum_1_2);
            high_1_2 = subgroupMatrixMultiplyAccumulate(h_1, w_2, high_1_2);
            sum_1_3 = subgroupMatrixMultiplyAccumulate(x_1, w_3, sum_1_3);
            high_1_3 = subgroupMatrixMultiplyAccumulate(h_1, w_3, high_1_3);
            sum_2_0 = subgroupMatrixMultiplyAccumulate(x_2, w_0, sum_2_0);
            high_2_0 = subgroupMatrixMultiplyAccumulate(h_2, w_0, high_2_0);
            sum_2_1 = subgroupMatrixMultiplyAccumulate(x_2, w_1, sum_2_1);
            high_2_1 = subgroupMatrixMultiplyAccumulate(h_2, w_1, high_2_1);
            sum_2_2 = subgroupMatrixMultiplyAccumulate(x_2, w_2, sum_2_2);
            high_2_2 = subgroupMatrixMultiplyAccumulate(h_2, w_2, high_2_2);
            sum_2_3 = subgroupMatrixMultiplyAccumulate(x_2, w_3, sum_2_3);
            high_2_3 = subgroupMatrixMultiplyAccumulate(h_2, w_3, high_2_3);
            sum_3_0 = subgroupMatrixMultiplyAccumulate(x_3, w_0, sum_3_0);
            high_3_0 = subgroupMatrixMultiplyAccumulate(h_3, w_0, high_3_0);
            sum_3_1 = subgroupMatrixMultiplyAccumulate(x_3, w_1, sum_3_1);
            high_3_1 = subgroupMatrixMultiplyAccumulate(h_3, w_1, high_3_1);
            sum_3_2 = subgroupMatrixMultiplyAccumulate(x_3, w_2, sum_3_2);
            high_3_2 = subgroupMatrixMultiplyAccumulate(h_3, w_2, high_3_2);
            sum_3_3 = subgroupMatrixMultiplyAccumulate(x_3, w_3, sum_3_3);
            high_3_3 = subgroupMatrixMultiplyAccumulate(h_3, w_3, high_3_3);
          }
          {
            let x_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 0) * 16 + 8), 16);
            let x_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 8) * 16 + 8), 16);
            let x_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 16) * 16 + 8), 16);
            let x_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 24) * 16 + 8), 16);
            let h_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 0) * 16 + 8), 16);
            let h_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 8) * 16 + 8), 16);
            let h_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 16) * 16 + 8), 16);
            let h_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 24) * 16 + 8), 16);
            let w_0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 0), 64);
            let w_1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 8), 64);
            let w_2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 16), 64);
            let w_3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 24), 64);
            sum_0_0 = subgroupMatrixMultiplyAccumulate(x_0, w_0, sum_0_0);
            high_0_0 = subgroupMatrixMultiplyAccumulate(h_0, w_0, high_0_0);
            sum_0_1 = subgroupMatrixMultiplyAccumulate(x_0, w_1, sum_0_1);
            high_0_1 = subgroupMatrixMultiplyAccumulate(h_0, w_1, high_0_1);
            sum_0_2 = subgroupMatrixMultiplyAccumulate(x_0, w_2, sum_0_2);
            high_0_2 = subgroupMatrixMultiplyAccumulate(h_0, w_2, high_0_2);
            sum_0_3 = subgroupMatrixMultiplyAccumulate(x_0, w_3, sum_0_3);
            high_0_3 = subgroupMatrixMultiplyAccumulate(h_0, w_3, high_0_3);
            sum_1_0 = subgroupMatrixMultiplyAccumulate(x_1, w_0, sum_1_0);
            high_1_0 = subgroupMatrixMultiplyAccumulate(h_1, w_0, high_1_0);
            sum_1_1 = subgroupMatrixMultiplyAccumulate(x_1, w_1, sum_1_1);
            high_1_1 = subgroupMatrixMultiplyAccumulate(h_1, w_1, high_1_1);
            sum_1_2 = subgroupMatrixMultiplyAccumulate(x_1, w_2, sum_1_2);
            high_1_2 = subgroupMatrixMultiplyAccumulate(h_1, w_2, high_1_2);
            sum_1_3 = subgroupMatrixMultiplyAccumulate(x_1, w_3, sum_1_3);
            high_1_3 = subgroupMatrixMultiplyAccumulate(h_1, w_3, high_1_3);
            sum_2_0 = subgroupMatrixMultiplyAccumulate(x_2, w_0, sum_2_0);
            high_2_0 = subgroupMatrixMultiplyAccumulate(h_2, w_0, high_2_0);
            sum_2_1 = subgroupMatrixMultiplyAccumulate(x_2, w_1, sum_2_1);
            high_2_1 = subgroupMatrixMultiplyAccumulate(h_2, w_1, high_2_1);
            sum_2_2 = subgroupMatrixMultiplyAccumulate(x_2, w_2, sum_2_2);
            high_2_2 = subgroupMatrixMultiplyAccumulate(h_2, w_2, high_2_2);
            sum_2_3 = subgroupMatrixMultiplyAccumulate(x_2, w_3, sum_2_3);
            high_2_3 = subgroupMatrixMultiplyAccumulate(h_2, w_3, high_2_3);
            sum_3_0 = subgroupMatrixMultiplyAccumulate(x_3, w_0, sum_3_0);
            high_3_0 = subgroupMatrixMultiplyAccumulate(h_3, w_0, high_3_0);
            sum_3_1 = subgroupMatrixMultiplyAccumulate(x_3, w_1, sum_3_1);
            high_3_1 = subgroupMatrixMultiplyAccumulate(h_3, w_1, high_3_1);
            sum_3_2 = subgroupMatrixMultiplyAccumulate(x_3, w_2, sum_3_2);
            high_3_2 = subgroupMatrixMultiplyAccumulate(h_3, w_2, high_3_2);
            sum_3_3 = subgroupMatrixMultiplyAccumulate(x_3, w_3, sum_3_3);
            high_3_3 = subgroupMatrixMultiplyAccumulate(h_3, w_3, high_3_3);
          }
        }
      }
      var upper = array<vec4f, 16>();
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_0_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_0_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_0_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_0_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_0_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_0_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_0_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_0_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 0 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_1_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_1_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_1_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_1_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_1_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_1_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_1_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_1_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 8 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_2_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_2_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_2_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_2_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_2_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_2_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_2_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_2_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 16 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_3_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_3_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_3_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_3_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_3_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_3_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_3_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_3_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 24 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
    }
    "
  `);
});

test("gatedLinear.tiledSubgroups", () => {
  expect(shader("gatedLinear.tiledSubgroups")).toMatchInlineSnapshot(`
    "enable subgroups;

    const rows = b;
    const columns = p;
    const taps = 1;
    const depth = k;
    const band = 2;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

    fn gate(first: f32, second: f32) -> f32 {
      let t0 = first;
      let t1 = second;
      let t2 = f32(0.5) * t1;
      let t3 = t1 * f32(0.7071067811865476);
      let t4 = erf(t3);
      let t5 = f32(1) + t4;
      let t6 = t2 * t5;
      let t7 = t0 * t6;
      return t7;
    }

    fn write_row(row: i32, column: i32, value: vec4f) {
      for (var i = 0; i < min(4, columns - column); i += 2) {
        let at = (column + i) / 2;
        write_y(row, at, gate(value[i] + bias_at(at), value[i + 1] + bias_at(at + o)));
      }
    }

    const lanes = 4;

    @compute @workgroup_size(lanes)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) invocation: u32) {
      const padded_depth = (depth + lanes - 1) / lanes * lanes;
      const across = (columns + 4 * lanes - 1) / (4 * lanes);
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 8;
      let panel = tile / band % across;
      if (first_row >= rows) { return; }
      let lane = i32(invocation);
      let weights = weight_matrix(first_row) * across + panel;
      var sum = array<vec4f, 8>();
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 8>();
        for (var r = 0; r < 8; r++) { start[r] = row_start(min(first_row + r, rows - 1), tap); }
        for (var channel = 0; channel < padded_depth; channel += lanes) {
          var x = array<f32, 8>();
          for (var r = 0; r < 8; r++) {
            let value = x_at(max(start[r], 0) + channel + lane);
            x[r] = select(0, value, start[r] >= 0 && channel + lane < depth);
          }
          let place = (((weights * taps + tap) * padded_depth + channel) * lanes + lane) * 4;
          let w0 = weight_at4(place + 0);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 0) * w0; }
          let w1 = weight_at4(place + 16);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 1) * w1; }
          let w2 = weight_at4(place + 32);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 2) * w2; }
          let w3 = weight_at4(place + 48);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 3) * w3; }
        }
      }
      let column = (panel * lanes + lane) * 4;
      for (var r = 0; r < 8; r++) {
        if (first_row + r < rows && column < columns) { write_row(first_row + r, column, sum[r]); }
      }
    }
    "
  `);
});

test("gather.direct", () => {
  expect(shader("gather.direct")).toMatchInlineSnapshot(`
    "fn pixel_of(block: i32, i: i32, j: i32) -> vec2i {
      let pixel = vec2i((read_at(block, 0) + shift[0]) / scale + i, (read_at(block, 1) + shift[1]) / scale + j);
      if (any(pixel < vec2i(0)) || any(pixel >= vec2i(6, 8))) { return vec2i(-1); }
      return pixel;
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let place = workgroup_index(id) * 256 + i32(lane) * 4;
      if (place >= k * c * s * s) { return; }
      let ch = place % c;
      let j = place / c % s;
      let i = place / (c * s) % s;
      let block = place / (c * s * s);
      let pixel = pixel_of(block, i, j);
      var value = vec4f();
      if (pixel.x >= 0) { value = x_at4((pixel.x * w + pixel.y) * c + ch); }
      write4_y(block, ch, i, j, value);
    }
    "
  `);
});

test("groupNorm.alone", () => {
  expect(shader("groupNorm.alone")).toMatchInlineSnapshot(`
    "const own = c / g;
    const size = own * h * w;
    const parts = size;

    fn part(item: i32, i: i32) -> vec3f {
      return vec3f(x_at((item / g * h * w + i / own) * c + item % g * own + i % own), 0, 1);
    }
    var<workgroup> partial: array<f32, 256>;
    fn reduce_sum(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 128; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = partial[lane] + partial[lane + half]; }
      }
      workgroupBarrier();
      return partial[0];
    }
    fn reduce_max(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 128; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
      }
      workgroupBarrier();
      return partial[0];
    }

    fn statistics(item: i32, lane: i32) -> vec2f {
      let near = reduce_sum(part(item, lane * ((parts / 256) | 1) % parts).x, lane) / 256;
      var sum = 0.0;
      var squares = 0.0;
      for (var i = lane; i < parts; i += 256) {
        let p = part(item, i);
        let d = p.x - near;
        sum += p.z * d;
        squares += p.y + p.z * d * d;
      }
      let rest = reduce_sum(sum, lane) / f32(size);
      let variance = max(reduce_sum(squares, lane) / f32(size) - rest * rest, 0.0);
      return vec2f(near + rest, inverseSqrt(variance + eps));
    }

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
    }
    "
  `);
});

test("groupNorm.spread", () => {
  expect(shader("groupNorm.spread")).toMatchInlineSnapshot(`
    "const width = 4;
    const span = 8;
    const blocks = 2;
    const threads = 4;

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let item = workgroup_index(id) * 64 + i32(lane);
      if (item >= threads) { return; }
      let block = item / (c / width);
      let first = block % blocks * span;
      let end = min(first + span, h * w);
      let x = block / blocks * h * w * c + item % (c / width) * width;
      let pivot = x_at4(x + first * c);
      var sum = vec4f();
      var squares = vec4f();
      for (var pixel = first; pixel < end; pixel++) {
        let d = x_at4(x + pixel * c) - pivot;
        sum += d;
        squares += d * d;
      }
      let mean = sum / f32(end - first);
      sums_data[2 * item] = vec4f(pivot + mean);
      sums_data[2 * item + 1] = vec4f(squares - mean * sum);
    }

    // Then
    const width = 4;
    const span = 8;
    const blocks = 2;
    const threads = 4;
    const own = c / g;
    const size = own * h * w;
    const parts = own * blocks;

    fn part(item: i32, i: i32) -> vec3f {
      let channel = item % g * own + i % own;
      let block = i / own;
      let at = ((item / g * blocks + block) * (c / width) + channel / width) * 8 + channel % width;
      return vec3f(sums_at(at), sums_at(at + 4), f32(min(span, h * w - block * span)));
    }
    var<workgroup> partial: array<f32, 64>;
    fn reduce_sum(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 32; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = partial[lane] + partial[lane + half]; }
      }
      workgroupBarrier();
      return partial[0];
    }
    fn reduce_max(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 32; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
      }
      workgroupBarrier();
      return partial[0];
    }

    fn statistics(item: i32, lane: i32) -> vec2f {
      let near = reduce_sum(part(item, lane * ((parts / 64) | 1) % parts).x, lane) / 64;
      var sum = 0.0;
      var squares = 0.0;
      for (var i = lane; i < parts; i += 64) {
        let p = part(item, i);
        let d = p.x - near;
        sum += p.z * d;
        squares += p.y + p.z * d * d;
      }
      let rest = reduce_sum(sum, lane) / f32(size);
      let variance = max(reduce_sum(squares, lane) / f32(size) - rest * rest, 0.0);
      return vec2f(near + rest, inverseSqrt(variance + eps));
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      let item = workgroup_index(id);
      if (item >= n * g) { return; }
      let stats = statistics(item, i32(local));
      if (local == 0) { stats_data[item] = vec4f(stats, 0, 0); }
    }

    // Then

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let first = workgroup_index(id) * 256;
      let end = min(first + 256, 120);
      for (var at = first + i32(lane) * 4; at < end; at += 256) {
        let ch = at % c;
        let b = at / (c * h * w);
        let normal = (x_at4(at) - vec4f(stats_at((b * g + (ch + 0) / (c / g)) * 4 + 0))) * vec4f(stats_at((b * g + (ch + 0) / (c / g)) * 4 + 1));
        write4_y(b, ch, at / (c * w) % h, at / c % w, normal * weight_at4(ch) + bias_at4(ch));
      }
    }
    "
  `);
});

test("groupStats.groups", () => {
  expect(shader("groupStats.groups")).toMatchInlineSnapshot(`
    "const width = 4;
    const span = 8;
    const blocks = 2;
    const threads = 4;

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let item = workgroup_index(id) * 64 + i32(lane);
      if (item >= threads) { return; }
      let block = item / (c / width);
      let first = block % blocks * span;
      let end = min(first + span, h * w);
      let x = block / blocks * h * w * c + item % (c / width) * width;
      let pivot = x_at4(x + first * c);
      var sum = vec4f();
      var squares = vec4f();
      for (var pixel = first; pixel < end; pixel++) {
        let d = x_at4(x + pixel * c) - pivot;
        sum += d;
        squares += d * d;
      }
      let mean = sum / f32(end - first);
      sums_data[2 * item] = vec4f(pivot + mean);
      sums_data[2 * item + 1] = vec4f(squares - mean * sum);
    }

    // Then
    const width = 4;
    const span = 8;
    const blocks = 2;
    const threads = 4;
    const own = c / g;
    const size = own * h * w;
    const parts = own * blocks;

    fn part(item: i32, i: i32) -> vec3f {
      let channel = item % g * own + i % own;
      let block = i / own;
      let at = ((item / g * blocks + block) * (c / width) + channel / width) * 8 + channel % width;
      return vec3f(sums_at(at), sums_at(at + 4), f32(min(span, h * w - block * span)));
    }
    var<workgroup> partial: array<f32, 64>;
    fn reduce_sum(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 32; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = partial[lane] + partial[lane + half]; }
      }
      workgroupBarrier();
      return partial[0];
    }
    fn reduce_max(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 32; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
      }
      workgroupBarrier();
      return partial[0];
    }

    fn statistics(item: i32, lane: i32) -> vec2f {
      let near = reduce_sum(part(item, lane * ((parts / 64) | 1) % parts).x, lane) / 64;
      var sum = 0.0;
      var squares = 0.0;
      for (var i = lane; i < parts; i += 64) {
        let p = part(item, i);
        let d = p.x - near;
        sum += p.z * d;
        squares += p.y + p.z * d * d;
      }
      let rest = reduce_sum(sum, lane) / f32(size);
      let variance = max(reduce_sum(squares, lane) / f32(size) - rest * rest, 0.0);
      return vec2f(near + rest, inverseSqrt(variance + eps));
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      let item = workgroup_index(id);
      if (item >= n * g) { return; }
      let stats = statistics(item, i32(local));
      if (local == 0) { write_y(item / g, item % g, 0, stats.x); write_y(item / g, item % g, 1, stats.y); }
    }
    "
  `);
});

test("inside.direct", () => {
  expect(shader("inside.direct")).toMatchInlineSnapshot(`
    "fn pixel_of(block: i32, i: i32, j: i32) -> vec2i {
      let pixel = vec2i((read_at(block, 0) + shift[0]) / scale + i, (read_at(block, 1) + shift[1]) / scale + j);
      if (any(pixel < vec2i(0)) || any(pixel >= vec2i(6, 8))) { return vec2i(-1); }
      return pixel;
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let place = workgroup_index(id) * 256 + i32(lane) * 4;
      if (place >= k * c * s * s) { return; }
      let ch = place % c;
      let j = place / c % s;
      let i = place / (c * s) % s;
      let block = place / (c * s * s);
      let pixel = pixel_of(block, i, j);
      var value = vec4f();
      if (pixel.x >= 0) { value = x_at4(place); }
      write4_y(block, ch, i, j, value);
    }
    "
  `);
});

test("layerNorm.rows", () => {
  expect(shader("layerNorm.rows")).toMatchInlineSnapshot(`
    "var<workgroup> partial: array<f32, 64>;
    fn reduce_sum(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 32; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = partial[lane] + partial[lane + half]; }
      }
      workgroupBarrier();
      return partial[0];
    }
    fn reduce_max(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 32; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
      }
      workgroupBarrier();
      return partial[0];
    }

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
    }
    "
  `);
});

test("layerNorm.subgroups", () => {
  expect(shader("layerNorm.subgroups")).toMatchInlineSnapshot(`
    "enable subgroups;

    @compute @workgroup_size(4)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
      let row = workgroup_index(id);
      if (row >= b) { return; }
      let first = i32(lane) * 4;
      var x0 = vec4f();
      var sums = vec4f();
      if (first + 0 < e) { x0 = x_at4(row * e + first + 0); sums += x0; }
      let mean = subgroupAdd(dot(sums, vec4f(1))) / f32(e);
      var squares = vec4f();
      if (first + 0 < e) { x0 -= mean; squares += x0 * x0; }
      let rstd = inverseSqrt(subgroupAdd(dot(squares, vec4f(1))) / f32(e) + eps);
      if (first + 0 < e) { write4_y(row, first + 0, x0 * rstd * weight_at4(first + 0) + bias_at4(first + 0)); }
    }
    "
  `);
});

test("linear.direct", () => {
  expect(shader("linear.direct")).toMatchInlineSnapshot(`
    "
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at >= b * o) { return; }
      var sum = 0.0;
      for (var i = 0; i < k; i++) { sum += read_x(at / o, i) * read_weight(at % o, i); }
      write_y(at / o, at % o, sum);
    }
    "
  `);
});

test("linear.tiled", () => {
  expect(shader("linear.tiled")).toMatchInlineSnapshot(`
    "
    const rows = b;
    const columns = o;
    const taps = 1;
    const depth = k;
    const band = 1;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

    fn write_row(row: i32, column: i32, value: vec4f) {
      write4_y(row, column, value);
    }

    var<workgroup> x_tile: array<array<vec4f, 4>, 64>;
    var<workgroup> weight_tile: array<array<vec4f, 16>, 16>;

    @compute @workgroup_size(256)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let lane = i32(local);
      let load_row = lane / 4;
      let load_channel = lane % 4 * 4;
      let weight_row = lane / 16;
      let weight_column = first_column + lane % 16 * 4;
      let row = lane / 16 * 4;
      let column = lane % 16;
      var sum = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = -1;
        if (first_row + load_row < rows) { start = row_start(first_row + load_row, tap); }
        for (var channel = 0; channel < depth; channel += 16) {
          var x = vec4f();
          if (start >= 0 && channel + load_channel < depth) { x = x_at4(start + channel + load_channel); }
          var weight = vec4f();
          if (channel + weight_row < depth && weight_column < weight_width) {
            weight = weight_at4((matrix + tap * depth + channel + weight_row) * weight_width + weight_column);
          }
          workgroupBarrier();
          x_tile[load_row][lane % 4] = x;
          weight_tile[weight_row][lane % 16] = weight;
          workgroupBarrier();
          for (var k = 0; k < 4; k++) {
            let w0 = weight_tile[k * 4][column];
            let w1 = weight_tile[k * 4 + 1][column];
            let w2 = weight_tile[k * 4 + 2][column];
            let w3 = weight_tile[k * 4 + 3][column];
            for (var r = 0; r < 4; r++) {
              let v = x_tile[row + r][k];
              sum[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
            }
          }
        }
      }
      if (first_column + column * 4 < columns) {
        for (var r = 0; r < 4; r++) {
          if (first_row + row + r < rows) { write_row(first_row + row + r, first_column + column * 4, sum[r]); }
        }
      }
    }
    "
  `);
});

test("linear.tiledRegisters", () => {
  expect(shader("linear.tiledRegisters")).toMatchInlineSnapshot(`
    "
    const rows = b;
    const columns = o;
    const taps = 1;
    const depth = k;
    const band = 1;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

    fn write_row(row: i32, column: i32, value: vec4f) {
      write4_y(row, column, value);
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 32;
      let row = first_row + i32(local) / 8 * 4;
      let column = tile / band % across * 64 + i32(local) % 8 * 8;
      if (row >= rows || column >= columns) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let both = column + 4 < weight_width;
      var left = array<vec4f, 4>();
      var right = array<vec4f, 4>();
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 4>();
        for (var r = 0; r < 4; r++) {
          start[r] = -1;
          if (row + r < rows) { start[r] = row_start(row + r, tap); }
        }
        for (var channel = 0; channel < depth; channel += 4) {
          var x = array<vec4f, 4>();
          for (var r = 0; r < 4; r++) {
            if (start[r] >= 0) { x[r] = x_at4(start[r] + channel); }
          }
          for (var k = 0; k < 4; k++) {
            let place = (matrix + tap * depth + channel + k) * weight_width + column;
            let l = weight_at4(place);
            for (var r = 0; r < 4; r++) { left[r] += x[r][k] * l; }
            if (both) {
              let w = weight_at4(place + 4);
              for (var r = 0; r < 4; r++) { right[r] += x[r][k] * w; }
            }
          }
        }
      }
      for (var r = 0; r < 4; r++) {
        if (row + r < rows) {
          write_row(row + r, column, left[r]);
          if (column + 4 < columns) { write_row(row + r, column + 4, right[r]); }
        }
      }
    }
    "
  `);
});

test("linear.tiledSubgroupMatrix", () => {
  expect(shader("linear.tiledSubgroupMatrix")).toMatchInlineSnapshot(`
    "enable f16;
    enable subgroups;
    enable chromium_experimental_subgroup_matrix;

    const rows = b;
    const columns = o;
    const taps = 1;
    const depth = k;
    const band = 1;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

    fn write_row(row: i32, column: i32, value: vec4f) {
      write4_y(row, column, value);
    }

    const lanes = 4;
    const threads = 4 * lanes;

    var<workgroup> x_tile: array<f16, 1024>; // 64 rows
    var<workgroup> high_tile: array<f16, 1024>;
    var<workgroup> weight_tile: array<f16, 1024>; // 16 rows
    var<workgroup> results: array<f32, 1024>; // 8 rows of each subgroup

    fn own_result(place: i32) -> vec4f {
      return vec4f(results[place], results[place + 1], results[place + 2], results[place + 3]);
    }

    @compute @workgroup_size(threads)
    fn main(
      @builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32,
      @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) invocation: u32
    ) {
      const across = (columns + 63) / 64;
      const weight_width = (columns + 3) / 4 * 4;
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 64;
      let first_column = tile / band % across * 64;
      if (first_row >= rows) { return; }
      let matrix = weight_matrix(first_row) * taps * depth;
      let thread = i32(local);
      let quarter = i32(subgroup);
      let top = quarter / 2 * 32;
      let left = quarter % 2 * 32;
      let first_place = quarter * 256 + i32(invocation) * 4;
      var sum_0_0: subgroup_matrix_result<f32, 8, 8>;
      var high_0_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_0_1: subgroup_matrix_result<f32, 8, 8>;
      var high_0_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_0_2: subgroup_matrix_result<f32, 8, 8>;
      var high_0_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_0_3: subgroup_matrix_result<f32, 8, 8>;
      var high_0_3: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_0: subgroup_matrix_result<f32, 8, 8>;
      var high_1_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_1: subgroup_matrix_result<f32, 8, 8>;
      var high_1_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_2: subgroup_matrix_result<f32, 8, 8>;
      var high_1_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_1_3: subgroup_matrix_result<f32, 8, 8>;
      var high_1_3: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_0: subgroup_matrix_result<f32, 8, 8>;
      var high_2_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_1: subgroup_matrix_result<f32, 8, 8>;
      var high_2_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_2: subgroup_matrix_result<f32, 8, 8>;
      var high_2_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_2_3: subgroup_matrix_result<f32, 8, 8>;
      var high_2_3: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_0: subgroup_matrix_result<f32, 8, 8>;
      var high_3_0: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_1: subgroup_matrix_result<f32, 8, 8>;
      var high_3_1: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_2: subgroup_matrix_result<f32, 8, 8>;
      var high_3_2: subgroup_matrix_result<f32, 8, 8>;
      var sum_3_3: subgroup_matrix_result<f32, 8, 8>;
      var high_3_3: subgroup_matrix_result<f32, 8, 8>;
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 16>();
        for (var i = 0; i < 16; i++) {
          let row = first_row + (thread + i * threads) / 4;
          start[i] = -1;
          if (row < rows) { start[i] = row_start(row, tap); }
        }
        for (var channel = 0; channel < depth; channel += 16) {
          workgroupBarrier();
          for (var i = 0; i < 16; i++) {
            let at = thread + i * threads;
            let own = channel + at % 4 * 4;
            var x = vec4f();
            if (start[i] >= 0 && own < depth) { x = x_at4(start[i] + own); }
            let high = vec4<f16>(x / 2048);
            let low = vec4<f16>(x - vec4f(high) * 2048);
            let row = channel + at / 16;
            let column = first_column + at % 16 * 4;
            var weight = vec4f();
            if (row < depth && column < weight_width) { weight = weight_at4((matrix + tap * depth + row) * weight_width + column); }
            let half_weight = vec4<f16>(weight);
            for (var lane = 0; lane < 4; lane++) {
              x_tile[at * 4 + lane] = low[lane];
              high_tile[at * 4 + lane] = high[lane];
              weight_tile[at * 4 + lane] = half_weight[lane];
            }
          }
          workgroupBarrier();
          {
            let x_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 0) * 16 + 0), 16);
            let x_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 8) * 16 + 0), 16);
            let x_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 16) * 16 + 0), 16);
            let x_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 24) * 16 + 0), 16);
            let h_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 0) * 16 + 0), 16);
            let h_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 8) * 16 + 0), 16);
            let h_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 16) * 16 + 0), 16);
            let h_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 24) * 16 + 0), 16);
            let w_0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 0), 64);
            let w_1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 8), 64);
            let w_2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 16), 64);
            let w_3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(0 + left + 24), 64);
            sum_0_0 = subgroupMatrixMultiplyAccumulate(x_0, w_0, sum_0_0);
            high_0_0 = subgroupMatrixMultiplyAccumulate(h_0, w_0, high_0_0);
            sum_0_1 = subgroupMatrixMultiplyAccumulate(x_0, w_1, sum_0_1);
            high_0_1 = subgroupMatrixMultiplyAccumulate(h_0, w_1, high_0_1);
            sum_0_2 = subgroupMatrixMultiplyAccumulate(x_0, w_2, sum_0_2);
            high_0_2 = subgroupMatrixMultiplyAccumulate(h_0, w_2, high_0_2);
            sum_0_3 = subgroupMatrixMultiplyAccumulate(x_0, w_3, sum_0_3);
            high_0_3 = subgroupMatrixMultiplyAccumulate(h_0, w_3, high_0_3);
            sum_1_0 = subgroupMatrixMultiplyAccumulate(x_1, w_0, sum_1_0);
            high_1_0 = subgroupMatrixMultiplyAccumulate(h_1, w_0, high_1_0);
            sum_1_1 = subgroupMatrixMultiplyAccumulate(x_1, w_1, sum_1_1);
            high_1_1 = subgroupMatrixMultiplyAccumulate(h_1, w_1, high_1_1);
            sum_1_2 = subgroupMatrixMultiplyAccumulate(x_1, w_2, sum_1_2);
            high_1_2 = subgroupMatrixMultiplyAccumulate(h_1, w_2, high_1_2);
            sum_1_3 = subgroupMatrixMultiplyAccumulate(x_1, w_3, sum_1_3);
            high_1_3 = subgroupMatrixMultiplyAccumulate(h_1, w_3, high_1_3);
            sum_2_0 = subgroupMatrixMultiplyAccumulate(x_2, w_0, sum_2_0);
            high_2_0 = subgroupMatrixMultiplyAccumulate(h_2, w_0, high_2_0);
            sum_2_1 = subgroupMatrixMultiplyAccumulate(x_2, w_1, sum_2_1);
            high_2_1 = subgroupMatrixMultiplyAccumulate(h_2, w_1, high_2_1);
            sum_2_2 = subgroupMatrixMultiplyAccumulate(x_2, w_2, sum_2_2);
            high_2_2 = subgroupMatrixMultiplyAccumulate(h_2, w_2, high_2_2);
            sum_2_3 = subgroupMatrixMultiplyAccumulate(x_2, w_3, sum_2_3);
            high_2_3 = subgroupMatrixMultiplyAccumulate(h_2, w_3, high_2_3);
            sum_3_0 = subgroupMatrixMultiplyAccumulate(x_3, w_0, sum_3_0);
            high_3_0 = subgroupMatrixMultiplyAccumulate(h_3, w_0, high_3_0);
            sum_3_1 = subgroupMatrixMultiplyAccumulate(x_3, w_1, sum_3_1);
            high_3_1 = subgroupMatrixMultiplyAccumulate(h_3, w_1, high_3_1);
            sum_3_2 = subgroupMatrixMultiplyAccumulate(x_3, w_2, sum_3_2);
            high_3_2 = subgroupMatrixMultiplyAccumulate(h_3, w_2, high_3_2);
            sum_3_3 = subgroupMatrixMultiplyAccumulate(x_3, w_3, sum_3_3);
            high_3_3 = subgroupMatrixMultiplyAccumulate(h_3, w_3, high_3_3);
          }
          {
            let x_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 0) * 16 + 8), 16);
            let x_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 8) * 16 + 8), 16);
            let x_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 16) * 16 + 8), 16);
            let x_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&x_tile, u32((top + 24) * 16 + 8), 16);
            let h_0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 0) * 16 + 8), 16);
            let h_1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 8) * 16 + 8), 16);
            let h_2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 16) * 16 + 8), 16);
            let h_3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 8, 8>, row_major>(&high_tile, u32((top + 24) * 16 + 8), 16);
            let w_0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 0), 64);
            let w_1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 8), 64);
            let w_2 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 16), 64);
            let w_3 = subgroupMatrixLoad<subgroup_matrix_right<f16, 8, 8>, row_major>(&weight_tile, u32(512 + left + 24), 64);
            sum_0_0 = subgroupMatrixMultiplyAccumulate(x_0, w_0, sum_0_0);
            high_0_0 = subgroupMatrixMultiplyAccumulate(h_0, w_0, high_0_0);
            sum_0_1 = subgroupMatrixMultiplyAccumulate(x_0, w_1, sum_0_1);
            high_0_1 = subgroupMatrixMultiplyAccumulate(h_0, w_1, high_0_1);
            sum_0_2 = subgroupMatrixMultiplyAccumulate(x_0, w_2, sum_0_2);
            high_0_2 = subgroupMatrixMultiplyAccumulate(h_0, w_2, high_0_2);
            sum_0_3 = subgroupMatrixMultiplyAccumulate(x_0, w_3, sum_0_3);
            high_0_3 = subgroupMatrixMultiplyAccumulate(h_0, w_3, high_0_3);
            sum_1_0 = subgroupMatrixMultiplyAccumulate(x_1, w_0, sum_1_0);
            high_1_0 = subgroupMatrixMultiplyAccumulate(h_1, w_0, high_1_0);
            sum_1_1 = subgroupMatrixMultiplyAccumulate(x_1, w_1, sum_1_1);
            high_1_1 = subgroupMatrixMultiplyAccumulate(h_1, w_1, high_1_1);
            sum_1_2 = subgroupMatrixMultiplyAccumulate(x_1, w_2, sum_1_2);
            high_1_2 = subgroupMatrixMultiplyAccumulate(h_1, w_2, high_1_2);
            sum_1_3 = subgroupMatrixMultiplyAccumulate(x_1, w_3, sum_1_3);
            high_1_3 = subgroupMatrixMultiplyAccumulate(h_1, w_3, high_1_3);
            sum_2_0 = subgroupMatrixMultiplyAccumulate(x_2, w_0, sum_2_0);
            high_2_0 = subgroupMatrixMultiplyAccumulate(h_2, w_0, high_2_0);
            sum_2_1 = subgroupMatrixMultiplyAccumulate(x_2, w_1, sum_2_1);
            high_2_1 = subgroupMatrixMultiplyAccumulate(h_2, w_1, high_2_1);
            sum_2_2 = subgroupMatrixMultiplyAccumulate(x_2, w_2, sum_2_2);
            high_2_2 = subgroupMatrixMultiplyAccumulate(h_2, w_2, high_2_2);
            sum_2_3 = subgroupMatrixMultiplyAccumulate(x_2, w_3, sum_2_3);
            high_2_3 = subgroupMatrixMultiplyAccumulate(h_2, w_3, high_2_3);
            sum_3_0 = subgroupMatrixMultiplyAccumulate(x_3, w_0, sum_3_0);
            high_3_0 = subgroupMatrixMultiplyAccumulate(h_3, w_0, high_3_0);
            sum_3_1 = subgroupMatrixMultiplyAccumulate(x_3, w_1, sum_3_1);
            high_3_1 = subgroupMatrixMultiplyAccumulate(h_3, w_1, high_3_1);
            sum_3_2 = subgroupMatrixMultiplyAccumulate(x_3, w_2, sum_3_2);
            high_3_2 = subgroupMatrixMultiplyAccumulate(h_3, w_2, high_3_2);
            sum_3_3 = subgroupMatrixMultiplyAccumulate(x_3, w_3, sum_3_3);
            high_3_3 = subgroupMatrixMultiplyAccumulate(h_3, w_3, high_3_3);
          }
        }
      }
      var upper = array<vec4f, 16>();
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_0_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_0_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_0_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_0_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_0_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_0_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_0_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_0_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 0 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_1_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_1_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_1_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_1_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_1_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_1_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_1_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_1_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 8 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_2_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_2_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_2_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_2_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_2_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_2_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_2_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_2_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 16 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), high_3_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), high_3_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), high_3_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), high_3_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 0), sum_3_0, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 8), sum_3_1, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 16), sum_3_2, 32);
      subgroupMatrixStore<row_major>(&results, u32(quarter * 256 + 24), sum_3_3, 32);
      workgroupBarrier();
      for (var q = 0; q < 16; q++) {
        let place = first_place + q * lanes * 4;
        let row = first_row + top + 24 + (place - quarter * 256) / 32;
        let column = first_column + left + place % 32;
        if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
      }
    }
    "
  `);
});

test("linear.tiledSubgroups", () => {
  expect(shader("linear.tiledSubgroups")).toMatchInlineSnapshot(`
    "enable subgroups;

    const rows = b;
    const columns = o;
    const taps = 1;
    const depth = k;
    const band = 2;

    fn weight_matrix(row: i32) -> i32 { return 0; }

    fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

    fn write_row(row: i32, column: i32, value: vec4f) {
      write4_y(row, column, value);
    }

    const lanes = 4;

    @compute @workgroup_size(lanes)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) invocation: u32) {
      const padded_depth = (depth + lanes - 1) / lanes * lanes;
      const across = (columns + 4 * lanes - 1) / (4 * lanes);
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 8;
      let panel = tile / band % across;
      if (first_row >= rows) { return; }
      let lane = i32(invocation);
      let weights = weight_matrix(first_row) * across + panel;
      var sum = array<vec4f, 8>();
      for (var tap = 0; tap < taps; tap++) {
        var start = array<i32, 8>();
        for (var r = 0; r < 8; r++) { start[r] = row_start(min(first_row + r, rows - 1), tap); }
        for (var channel = 0; channel < padded_depth; channel += lanes) {
          var x = array<f32, 8>();
          for (var r = 0; r < 8; r++) {
            let value = x_at(max(start[r], 0) + channel + lane);
            x[r] = select(0, value, start[r] >= 0 && channel + lane < depth);
          }
          let place = (((weights * taps + tap) * padded_depth + channel) * lanes + lane) * 4;
          let w0 = weight_at4(place + 0);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 0) * w0; }
          let w1 = weight_at4(place + 16);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 1) * w1; }
          let w2 = weight_at4(place + 32);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 2) * w2; }
          let w3 = weight_at4(place + 48);
          for (var r = 0; r < 8; r++) { sum[r] += subgroupBroadcast(x[r], 3) * w3; }
        }
      }
      let column = (panel * lanes + lane) * 4;
      for (var r = 0; r < 8; r++) {
        if (first_row + r < rows && column < columns) { write_row(first_row + r, column, sum[r]); }
      }
    }
    "
  `);
});

test("pointwise.direct", () => {
  expect(shader("pointwise.direct")).toMatchInlineSnapshot(`
    "
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let first = workgroup_index(id) * 256;
      let end = min(first + 256, 16);
      for (var at = first + i32(lane) * 4; at < end; at += 256) {
        y_data[u32(at) >> 2u] = value_at4(at);
      }
    }
    "
  `);
});

test("pool.window", () => {
  expect(shader("pool.window")).toMatchInlineSnapshot(`
    "
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at >= n * c * ho * wo) { return; }
      let ch = at % c;
      let j = at / c % wo;
      let i = at / (c * wo) % ho;
      let b = at / (c * wo * ho);
      let top = i * stride - pad;
      let left = j * stride - pad;
      let rows = vec2i(max(top, 0), min(top + size, h));
      let columns = vec2i(max(left, 0), min(left + size, w));
      var sum = 0.0;
      var most = read_x(b, ch, rows.x, columns.x);
      for (var r = rows.x; r < rows.y; r++) {
        for (var s = columns.x; s < columns.y; s++) {
          let value = read_x(b, ch, r, s);
          sum += value;
          most = max(most, value);
        }
      }
      write_y(b, ch, i, j, sum / f32((rows.y - rows.x) * (columns.y - columns.x)));
    }
    "
  `);
});

test("reshape.copy", () => {
  expect(shader("reshape.copy")).toMatchInlineSnapshot(`
    "
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at < p) { write_y(at, read_x(at)); }
    }
    "
  `);
});

test("scatter.direct", () => {
  expect(shader("scatter.direct")).toMatchInlineSnapshot(`
    "fn scattered(channel: i32, row: i32, column: i32) -> vec4f {
      let tile = read_map(row / t, column / t);
      if (tile < 0) { return base_at4((row * w + column) * c + channel); }
      return tiles_at4(((tile * t + row % t) * t + column % t) * c + channel);
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let first = workgroup_index(id) * 256;
      let end = min(first + 256, 192);
      for (var at = first + i32(lane) * 4; at < end; at += 256) {
        let ch = at % c;
        let j = at / c % w;
        let i = at / (c * w);
        write4_y(0, ch, i, j, scattered(ch, i, j));
      }
    }
    "
  `);
});

test("scatterGather.direct", () => {
  expect(shader("scatterGather.direct")).toMatchInlineSnapshot(`
    "fn pixel_of(block: i32, i: i32, j: i32) -> vec2i {
      let pixel = vec2i((read_at(block, 0) + shift[0]) / scale + i, (read_at(block, 1) + shift[1]) / scale + j);
      if (any(pixel < vec2i(0)) || any(pixel >= vec2i(6, 8))) { return vec2i(-1); }
      return pixel;
    }
    fn scattered(channel: i32, row: i32, column: i32) -> vec4f {
      let tile = read_map(row / t, column / t);
      if (tile < 0) { return base_at4((row * w + column) * c + channel); }
      return tiles_at4(((tile * t + row % t) * t + column % t) * c + channel);
    }

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let place = workgroup_index(id) * 256 + i32(lane) * 4;
      if (place >= k * c * s * s) { return; }
      let ch = place % c;
      let j = place / c % s;
      let i = place / (c * s) % s;
      let block = place / (c * s * s);
      let pixel = pixel_of(block, i, j);
      var value = vec4f();
      if (pixel.x >= 0) { value = scattered(ch, pixel.x, pixel.y); }
      write4_y(block, ch, i, j, value);
    }
    "
  `);
});

test("slice.copy", () => {
  expect(shader("slice.copy")).toMatchInlineSnapshot(`
    "
    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at >= 6) { return; }
      y_data[at] = x_at(at / 3 * 8 + at % 3 + 2);
    }
    "
  `);
});

test("softmax.rows", () => {
  expect(shader("softmax.rows")).toMatchInlineSnapshot(`
    "var<workgroup> partial: array<f32, 64>;
    fn reduce_sum(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 32; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = partial[lane] + partial[lane + half]; }
      }
      workgroupBarrier();
      return partial[0];
    }
    fn reduce_max(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = 32; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = max(partial[lane], partial[lane + half]); }
      }
      workgroupBarrier();
      return partial[0];
    }

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
    }
    "
  `);
});

test("upsample.nearest", () => {
  expect(shader("upsample.nearest")).toMatchInlineSnapshot(`
    "
    const row_scale: f32 = 0.5;
    const column_scale: f32 = 0.5;

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let first = workgroup_index(id) * 256;
      let end = min(first + 256, 240);
      for (var at = first + i32(lane) * 4; at < end; at += 256) {
        let ch = at % c;
        let j = at / c % wo;
        let i = at / (c * wo) % ho;
        let b = at / (c * wo * ho);
        let row = min(i32(floor(f32(i) * row_scale)), h - 1);
        let column = min(i32(floor(f32(j) * column_scale)), w - 1);
        write4_y(b, ch, i, j, x_at4(((b * h + row) * w + column) * c + ch));
      }
    }
    "
  `);
});
