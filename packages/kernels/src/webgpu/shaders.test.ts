import { expect, test } from "vitest";
import { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import * as ops from "../ops/index.ts";
import { without } from "../options.ts";
import { passes } from "../compile.ts";
import { plan } from "../plan/plan.ts";
import type { WebgpuCaps } from "./caps.ts";
import * as ladders from "./ladders.ts";
import type { WgslKernel } from "./wgslKernel.ts";

const caps: WebgpuCaps = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 2 ** 14,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupsPerDimension: 65535,
  f16: false,
  subgroupSize: 4,
  timestamps: false,
  adapter: "none",
  software: true,
};

/** The shader of a graph that is one kernel, without what the header generates for the shapes at hand. */
function shader(kernel: string, build: (g: Graph) => Tensor): string {
  const graph = new Graph();
  graph.output("y", build(graph));
  const others = Object.values(ladders).flatMap((ladder) =>
    ladder.some(({ name }) => name === kernel) ? ladder.map(({ name }) => name).filter((name) => name !== kernel) : [],
  );
  const lowered = passes({ maxBindings: 8, ladders }, without(...others)).reduce((g, p) => p.apply(g), graph);
  const { calls, context } = plan(lowered, { caps, ladders, memoryUnit: "blocks" }, without(...others));
  expect(calls.map((call) => call.kernel.name)).toEqual([kernel]);
  const { code } = (calls[0].kernel as WgslKernel).shader(calls[0].node, context);
  const [enables, body] = code.split(/^const [^]*?fn workgroup_index.*\n/m);
  return enables + body;
}

test("linear.tiledSubgroups", () => {
  const linear = (g: Graph) => ops.linear({ x: g.input("x", [9, 6]), weight: g.param("weight", [20, 6]) });
  expect(shader("linear.tiledSubgroups", linear)).toMatchInlineSnapshot(`
    "enable subgroups;

    const rows = b;
    const columns = o;
    const taps = 1;
    const depth = k;

    fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

    fn write_row(row: i32, column: i32, value: vec4f) {
      write4_y(row, column, value);
    }

    const lanes = 4;

    @compute @workgroup_size(lanes)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) invocation: u32) {
      const padded_depth = (depth + lanes - 1) / lanes * lanes;
      const across = (columns + 4 * lanes - 1) / (4 * lanes);
      const band = min((rows + 7) / 8, 32);
      let tile = workgroup_index(id);
      let first_row = (tile / (across * band) * band + tile % band) * 8;
      let panel = tile / band % across;
      if (first_row >= rows) { return; }
      let lane = i32(invocation);
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
          let place = (((panel * taps + tap) * padded_depth + channel) * lanes + lane) * 4;
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
