import { backends, expectClose, fixture } from "@tessera/testing";
import { describe, expect, test } from "vitest";
import { compile } from "../../compile.ts";
import { Graph } from "../../graph/graph.ts";
import { pool } from "../index.ts";

const golden = fixture("metrics/metrics.safetensors");

describe.each(await backends())("pool with a margin on $name", ({ open }) => {
  test.each([
    ["pool.mean", { kind: "mean", size: 3, stride: 1, pad: 1 }],
    ["pool.max", { kind: "max", size: 3, stride: 1, pad: 1 }],
    ["pool.max2", { kind: "max", size: 3, stride: 2 }],
  ] as const)("%s", async (name, attrs) => {
    const graph = new Graph();
    graph.output("y", pool({ x: graph.input("x", golden.shape("pool.x")) }, attrs));
    const backend = await open();
    const program = await compile(graph, backend);
    const { y } = await program.run({ x: await golden.numbers("pool.x") });
    expectClose(await y.read(), await golden.numbers(name), 1e-6, name);
    program.dispose();
    await backend.dispose();
  });
});

test("what does not fit is refused", () => {
  const x = new Graph().input("x", [1, 1, 2, 2]);
  expect(() => pool({ x }, { size: 3 })).toThrow("a 3×3 window does not fit the 2×2 picture");
  expect(() => pool({ x }, { size: 2, pad: 2 })).toThrow("a pad of 2 is more than half");
});
