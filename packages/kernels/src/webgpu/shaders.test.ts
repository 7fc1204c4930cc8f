import { expect, test } from "vitest";
import { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import * as ops from "../ops/index.ts";
import { without } from "../options.ts";
import { passes } from "../compile.ts";
import { plan } from "../plan/plan.ts";
import { guaranteed } from "./caps.ts";
import * as ladders from "./ladders.ts";
import type { WgslKernel } from "./wgslKernel.ts";

const caps = { ...guaranteed, subgroupSize: 4, software: true };

/** The shaders of a graph that is one kernel, without what the header generates for the shapes at hand. */
function shader(kernel: string, build: (g: Graph) => Tensor): string {
  const graph = new Graph();
  graph.output("y", build(graph));
  const others = Object.values(ladders).flatMap((ladder) =>
    ladder.some(({ name }) => name === kernel) ? ladder.map(({ name }) => name).filter((name) => name !== kernel) : [],
  );
  const lowered = passes({ maxBindings: 8, ladders }, without(...others)).reduce((g, p) => p.apply(g), graph);
  const { calls, context } = plan(lowered, { caps, ladders, memoryUnit: "blocks" }, without(...others));
  expect(calls.map((call) => call.kernel.name)).toEqual([kernel]);
  return (calls[0].kernel as WgslKernel)
    .shaders(calls[0].node, context)
    .map(({ code }) => code.replace(/^const [^]*?fn workgroup_index.*\n/m, ""))
    .join("\n// Then\n");
}

test("linear.tiledSubgroups", () => {
  const linear = (g: Graph) => ops.linear({ x: g.input("x", [9, 6]), weight: g.param("weight", [20, 6]) });
  expect(shader("linear.tiledSubgroups", linear)).toMatchInlineSnapshot(`
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

test("conv2d.winograd2", () => {
  const conv = (g: Graph) =>
    ops.conv2d({ x: g.input("x", [1, 4, 3, 5]), weight: g.param("weight", [8, 4, 3, 3]) }, { pad: [1, 1, 1, 1] });
  expect(shader("conv2d.winograd2", conv)).toMatchInlineSnapshot(`
    "const products = 16;
    const down = 2;
    const across_ = 3;
    const tiles = 6;
    const band_tiles = 6;
    const band_rows = 8;

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
    enable subgroups;
    const products = 16;
    const down = 2;
    const across_ = 3;
    const tiles = 6;
    const band_tiles = 6;
    const band_rows = 8;

    /** The row of product 0 of a tile. */
    fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }

    const rows = 128;
    const columns = co;
    const taps = 1;
    const depth = ci;
    const band = 1;

    fn x_at(i: i32) -> f32 { return v_at(i); }
    fn x_at4(i: i32) -> vec4f { return v_at4(i); }
    fn weight_matrix(row: i32) -> i32 { return row / band_rows % products; }
    fn row_start(row: i32, tap: i32) -> i32 { return row * ci; }
    fn write_row(row: i32, column: i32, value: vec4f) { s_data[(row * 8 + column) / 4] = value; }

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

    // Then
    const products = 16;
    const down = 2;
    const across_ = 3;
    const tiles = 6;
    const band_tiles = 6;
    const band_rows = 8;

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

test("layerNorm.subgroups", () => {
  const norm = (g: Graph) =>
    ops.layerNorm({ x: g.input("x", [5, 20]), weight: g.param("weight", [20]), bias: g.param("bias", [20]) });
  expect(shader("layerNorm.subgroups", norm)).toMatchInlineSnapshot(`
    "enable subgroups;

    @compute @workgroup_size(4)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
      let row = workgroup_index(id);
      if (row >= b) { return; }
      let first = i32(lane) * 4;
      var x0 = vec4f(); var x1 = vec4f();
      var sums = vec4f();
      x0 = x_at4(row * e + first + 0); sums += x0;
      if (first + 16 < e) { x1 = x_at4(row * e + first + 16); sums += x1; }
      let mean = subgroupAdd(dot(sums, vec4f(1))) / f32(e);
      var squares = vec4f();
      x0 -= mean; squares += x0 * x0;
      if (first + 16 < e) { x1 -= mean; squares += x1 * x1; }
      let rstd = inverseSqrt(subgroupAdd(dot(squares, vec4f(1))) / f32(e) + eps);
      write4_y(row, first + 0, x0 * rstd * weight_at4(first + 0) + bias_at4(first + 0));
      if (first + 16 < e) { write4_y(row, first + 16, x1 * rstd * weight_at4(first + 16) + bias_at4(first + 16)); }
    }
    "
  `);
});

test("gated.direct", () => {
  const geglu = (g: Graph) => {
    const x = g.input("x", [5, 16]);
    const half = (begin: number) => ops.slice({ x }, { axis: 1, begin, end: begin + 8 });
    return ops.mul(half(0), ops.gelu(half(8)));
  };
  expect(shader("gated.direct", geglu)).toMatchInlineSnapshot(`
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
      let at = workgroup_index(id) * 256 + i32(lane) * 4;
      if (at >= b * o) { return; }
      let row = at / o;
      let column = at % o;
      write4_y(row, column, gate(x_at4(row * p + column), x_at4(row * p + column + o)));
    }
    "
  `);
});
