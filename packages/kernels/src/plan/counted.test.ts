import { memorySource } from "@tessera/safetensors";
import { backends, expectClose, maxAbs } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import * as ops from "../ops/index.ts";
import { without } from "../options.ts";
import { reference } from "../reference/index.ts";
import { wasm } from "../wasm/index.ts";
import type { Backend } from "./backend.ts";
import { countedBy, neededItems } from "./counted.ts";

const graph = new Graph();
const x = graph.input("x", [1, 2, 4, 4]);
const at = graph.input("at", [9, 2], "i32");
const blocks = ops.silu(ops.gather({ x, at }, { size: 2 }));
const map = graph.input("map", [2, 2], "i32");
const picture = graph.output("out", ops.scatter({ tiles: blocks, base: x, map }));

test("what is made of blocks passes its count on, and a picture ends it", () => {
  const lists = countedBy(graph);
  expect(lists.get(blocks)).toBe(at);
  expect(lists.get(picture)).toBeUndefined();
});

test("whole groups from the front", () => {
  expect(neededItems(90, 10, 1)).toBe(90);
  expect(neededItems(90, 10, 2 / 9)).toBe(20);
  expect(neededItems(90, 10, 0.23)).toBe(30);
  expect(neededItems(90, 90, 0.01)).toBe(90);
  expect(neededItems(90, 10, 0)).toBe(0);
});

test("a run may be given fewer blocks than there is room for", async () => {
  const numbers = Float32Array.from({ length: 32 }, (_, i) => i / 8 - 1);
  const silu = (v: number) => v / (1 + Math.exp(-v));
  for (const backend of [reference(), await wasm({ threads: 2 })]) {
    const program = await compile(graph, backend);
    for (const [list, cells] of [
      [[], [-1, -1, -1, -1]],
      [
        [2, 0],
        [-1, -1, 0, -1],
      ],
    ]) {
      const { out } = await program.run({ x: numbers, at: list, map: cells });
      const edited = (i: number) => list.length > 0 && i % 16 >= 8 && i % 4 < 2;
      (await out.read()).forEach((v, i) => expect(v).toBeCloseTo(edited(i) ? silu(numbers[i]) : numbers[i], 5));
    }
    await expect(program.run({ x: numbers, at: [1], map: [0, 0, 0, 0] })).rejects.toThrow("has 1 numbers");
    program.dispose();
    await backend.dispose();
  }
});

const algorithms: Readonly<Record<string, readonly string[]>> = {
  wasm: ["winograd4", "winograd2", "gemm[2x16]", "depthwise", "direct"],
  webgpu: ["winograd4", "winograd2", "implicitGemm", "depthwise", "direct"],
};
describe.each((await backends()).filter(({ name }) => name in algorithms))(
  "convolution on $name",
  ({ name: on, open }) => {
    let backend: Backend;
    beforeAll(async () => void (backend = await open()));
    afterAll(() => backend.dispose());

    test.each(algorithms[on])("%s on any number of blocks", async (algorithm) => {
      const graph = new Graph();
      const [side, tile] = [30, algorithm.includes("winograd") ? 5 : 3];
      const cells = side / tile;
      const [groups, co] = algorithm === "depthwise" ? [36, 36] : [1, 40];
      const x = graph.input("x", [1, 36, side, side]);
      const base = graph.input("base", [1, co, side, side]);
      const at = graph.input("at", [cells ** 2, 2], "i32");
      const map = graph.input("map", [cells, cells], "i32");
      const weight = graph.param("weight", [co, 36 / groups, 3, 3]);
      const tiles = ops.conv2d({ x: ops.gather({ x, at }, { size: tile + 2, shift: [-1, -1] }), weight }, { groups });
      graph.output("out", ops.scatter({ tiles, base, map }));
      const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * i + count));
      const data = new Uint8Array(numbers(weight.elements).buffer);
      const weights = memorySource({ weight: { dtype: "F32", shape: weight.shape, data } });
      const others = backend.ladders.conv2d.map(({ name }) => name).filter((name) => name !== `conv2d.${algorithm}`);
      const program = await compile(graph, backend, { weights, options: without(...others) });
      const expected = await compile(graph, reference(), { weights });
      for (const count of [0, 1, 2, 5, cells ** 2 - 1, cells ** 2]) {
        const list = Int32Array.from(
          { length: 2 * count },
          (_, i) => tile * (i % 2 ? (i >> 1) % cells : Math.floor((i >> 1) / cells)),
        );
        const given = {
          x: numbers(x.elements),
          base: numbers(base.elements),
          at: list,
          map: Int32Array.from({ length: cells ** 2 }, (_, cell) => (cell < count ? cell : -1)),
        };
        const [out, want] = await Promise.all([program, expected].map(async (p) => (await p.run(given)).out.read()));
        expectClose(out, want, 1e-4 * maxAbs(want), `${count} blocks`);
      }
      program.dispose();
    });
  },
);
