import { expect, test } from "vitest";
import { compile } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import * as ops from "../ops/index.ts";
import { reference } from "../reference/index.ts";
import { wasm } from "../wasm/index.ts";
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
