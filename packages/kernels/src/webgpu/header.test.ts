import { describe, expect, test } from "vitest";
import { evaluate, type Expr } from "../graph/expr.ts";
import * as E from "../graph/expr.ts";
import { Graph } from "../graph/graph.ts";
import * as ops from "../ops/index.ts";
import { defaultOptions, without } from "../options.ts";
import { absorb } from "../passes/absorb.ts";
import { plan } from "../plan/plan.ts";
import { guaranteed as caps } from "./caps.ts";
import { exprToWgsl } from "./exprToWgsl.ts";
import { offset } from "./offset.ts";
import { columns, inOrder } from "./packings.ts";
import * as ladders from "./ladders.ts";
import { literal, wgsl } from "./wgsl.ts";
import { fold, type WgslKernel } from "./wgslKernel.ts";

test("the whole shader of a small linear layer with bias, activation and residual", () => {
  const graph = new Graph();
  const y = ops.linear({ x: graph.input("x", [2, 3]), weight: graph.param("fc.weight", [5, 3]) });
  graph.output("y", ops.add(ops.silu(ops.add(y, graph.param("fc.bias", [5]))), graph.input("residual", [2, 5])));
  const lowered = absorb(8).apply(graph);
  const { calls, context } = plan(lowered, { caps, ladders, memoryUnit: "blocks" }, defaultOptions);
  expect(calls).toHaveLength(1);
  const [{ code, bindings, workgroups }] = (calls[0].kernel as WgslKernel).shaders(calls[0].node, context);
  expect(bindings).toEqual(["x", "weight", "e0", "e1", "y"]);
  expect(workgroups).toEqual([1, 1]);
  expect(code).toMatchInlineSnapshot(`
    "const b = 2;
    const k = 3;
    const o = 5;
    const grid_x = 1u;
    @group(0) @binding(0) var<storage, read> x_data: array<f32>;
    @group(0) @binding(1) var<storage, read> weight_data: array<f32>;
    @group(0) @binding(2) var<storage, read> e0_data: array<f32>;
    @group(0) @binding(3) var<storage, read> e1_data: array<f32>;
    @group(0) @binding(4) var<storage, read_write> y_data: array<f32>;
    fn x_at(i: i32) -> f32 { return x_data[i]; }
    fn weight_at(i: i32) -> f32 { return weight_data[i]; }
    fn e0_at(i: i32) -> f32 { return e0_data[i]; }
    fn e1_at(i: i32) -> f32 { return e1_data[i]; }
    fn read_x(b: i32, k: i32) -> f32 {
      return x_at(b * 3 + k);
    }
    fn read_weight(o: i32, k: i32) -> f32 {
      return weight_at(o * 3 + k);
    }
    fn epilogue(b: i32, o: i32, value: f32) -> f32 {
      let t0 = value;
      let t1 = e0_at(o);
      let t2 = t0 + t1;
      let t3 = f32(0) - t2;
      let t4 = exp(clamp(t3, f32(-87), f32(87)));
      let t5 = f32(1) + t4;
      let t6 = f32(1) / t5;
      let t7 = t2 * t6;
      let t8 = e1_at(b * 5 + o);
      let t9 = t7 + t8;
      return t9;
    }
    fn write_y(b: i32, o: i32, value: f32) {
      let place = b * 5 + o;
      y_data[place] = epilogue(b, o, value);
    }
    fn workgroup_index(id: vec3u) -> i32 { return i32(id.y * grid_x + id.x); }

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

describe("offset", () => {
  test("joins what memory walks in one stride", () => {
    expect(offset("i", [2, 3, 4], [12, 4, 1])).toBe("i");
    expect(offset("i", [2, 3, 4], [0, 4, 1])).toBe("i % 12");
    expect(offset("i", [2, 3, 4], [12, 0, 1])).toBe("i / 12 * 12 + i % 4");
    expect(offset("i", [2, 3, 4], [0, 0, 0])).toBe("0");
    expect(offset("i", [1, 1], [1, 1])).toBe("0");
  });

  test("finds every element of any box", () => {
    for (const strides of [
      [12, 4, 1],
      [1, 2, 6],
      [0, 5, 7],
      [100, 0, 1],
      [4, 8, 1],
    ]) {
      const at = new Function(
        "i",
        `return ${offset("i", [2, 3, 4], strides).replace(/i \/ (\d+)/g, "Math.floor(i / $1)")}`,
      );
      for (let i = 0; i < 24; i++)
        expect(at(i)).toBe(
          Math.floor(i / 12) * strides[0] + (Math.floor(i / 4) % 3) * strides[1] + (i % 4) * strides[2],
        );
    }
  });
});

test("a printed expression has each subexpression once, and the expression's value", () => {
  const x = E.value(0);
  const expr: Expr = E.add(E.mul(E.exp(x), E.exp(x)), E.max(E.sqrt(E.abs(E.sub(x, 2.5))), E.div(x, 3)));
  const code = exprToWgsl(expr, ["x0"], "f32");
  expect(code.match(/exp\(/g)).toHaveLength(1);
  const script = code
    .replaceAll("f32", "")
    .replace(/\b(exp|max|sqrt|abs)\(/g, "Math.$1(")
    .replace(/clamp\(([^,]+),[^)]*\), \(87\)\)/, "($1)");
  for (const v of [-3, 0, 0.5, 7]) expect(new Function("x0", script)(v)).toBeCloseTo(evaluate(expr, [v]), 6);
});

test("numbers as literals", () => {
  expect([1, -0, 0.5, 1e-5, 2 ** 40, 1e25].map(literal)).toEqual([
    "1",
    "0",
    "0.5",
    "0.00001",
    "1099511627776.0",
    "1e+25",
  ]);
  expect(() => literal(Infinity)).toThrow(RangeError);
});

test("nested templates keep their indentation", () => {
  const inner = wgsl`
    a;
    b;`;
  expect(wgsl`
    {
      ${inner}
    }`).toBe("{\n  a;\n  b;\n}");
});

test("a launch that holds more work than a submit may is cut into rows of its grid, each part once", () => {
  const graph = new Graph();
  graph.output("y", ops.linear({ x: graph.input("x", [70, 16]), weight: graph.param("weight", [24, 16]) }));
  const shaders = (macsPerSubmit: number) => {
    const target = { caps: { ...caps, macsPerSubmit }, ladders, memoryUnit: "blocks" } as const;
    const { calls, context } = plan(graph, target, without("tiled", "tiledRegisters", "tiledSubgroups"));
    return (calls[0].kernel as WgslKernel).shaders(calls[0].node, context);
  };
  const total = Math.ceil((70 * 24) / 64);
  expect(shaders(70 * 24 * 16).map(({ workgroups }) => workgroups)).toEqual([[total, 1]]);
  const parts = shaders(10_000);
  expect(parts.map(({ workgroups, before }) => [...workgroups, before])).toEqual([
    [9, 1, 0],
    [9, 1, 9],
    [9, 1, 18],
  ]);
  expect(parts.map(({ code }) => /fn workgroup_index.*/.exec(code)![0])).toEqual([
    "fn workgroup_index(id: vec3u) -> i32 { return i32(id.y * grid_x + id.x); }",
    "fn workgroup_index(id: vec3u) -> i32 { return i32((id.y + 1u) * grid_x + id.x); }",
    "fn workgroup_index(id: vec3u) -> i32 { return i32((id.y + 2u) * grid_x + id.x); }",
  ]);
  expect(parts.reduce((sum, { macs }) => sum + macs, 0)).toBe(70 * 24 * 16);
  for (const limit of [1, 777, 5000])
    for (const { macs } of shaders(limit)) expect(macs).toBeLessThanOrEqual(Math.max(limit, 64 * 16));
});

test("grids fold into two dimensions below the limit", () => {
  expect(fold(5, 65535)).toEqual([5, 1]);
  for (const count of [65535, 65536, 1_000_003]) {
    const [x, y] = fold(count, 65535);
    expect(x).toBeLessThanOrEqual(65535);
    expect(x * y).toBeGreaterThanOrEqual(count);
    expect((x - 1) * y).toBeLessThan(count);
  }
});

describe("packings", () => {
  const packed = (packing: typeof columns extends (s: any) => infer P ? P : never, data: number[], shape: number[]) => {
    const out = new Uint8Array(packing.bytes(shape));
    packing.pack(Float32Array.from(data), shape, out);
    return out.buffer;
  };
  test("columns: one row per tap and input channel, padded to 4 outputs", () => {
    const numbers = new Float32Array(packed(columns("f32"), [1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 1, 2]));
    expect([...numbers]).toEqual([1, 5, 0, 0, 3, 7, 0, 0, 2, 6, 0, 0, 4, 8, 0, 0]);
  });
  test("f16 lies in pairs, padded to whole words", () => {
    expect([...new Uint16Array(packed(inOrder("f16"), [1, -2, 0.5], [3]))]).toEqual([0x3c00, 0xc000, 0x3800, 0]);
  });
});

test("a table too large for one binding is kept as f16, and refused beyond that", () => {
  const embed = (rows: number) => {
    const graph = new Graph();
    graph.output("y", ops.embed({ ids: graph.input("ids", [1, 77], "i32"), table: graph.param("table", [rows, 768]) }));
    return plan(graph, { caps, ladders, memoryUnit: "blocks" }, defaultOptions);
  };
  expect(embed(1000).weights[0].packing.name).toBe("dense");
  expect(embed(49408).weights[0].packing.name).toBe("dense.f16");
  expect(() => embed(100_000)).toThrow(
    "the table is 153600000 bytes even as f16, but a binding holds at most 134217728",
  );
});
