import { Graph } from "@tessera/kernels";
import { nullBackend } from "@tessera/kernels/null";
import { linear, silu } from "@tessera/kernels/ops";
import { wasm } from "@tessera/kernels/wasm";
import { expect, test } from "vitest";
import { profile } from "./profile.ts";
import { randomInputs, randomWeights } from "./randomNumbers.ts";

const graph = new Graph();
const x = graph.input("x", [3, 16]);
const layer = (name: string, weight: string) => linear({ x, weight: graph.scope(name).get(weight, [16, 16]) });
graph.output("y", silu(linear({ x: layer("a", "weight"), weight: graph.param("c", [32, 16]) })));
graph.output("z", layer("b", "weight"));
const numbers = { weights: randomWeights(graph), inputs: randomInputs(graph), repeat: 2 };

test.each([0, 2])("calls of the same kernel and shapes share a row, with %i threads", async (threads) => {
  const backend = await wasm({ threads });
  const { rows, memory } = await profile(graph, { backend, ...numbers });
  expect(rows.map(({ shapes, calls, macs }) => [shapes, calls, macs]).sort()).toEqual([
    ["3x16 16x16 -> 3x16", 2, 2 * 3 * 16 * 16],
    ["3x16 32x16 -> 3x32", 1, 3 * 16 * 32],
  ]);
  for (const { ms } of rows) expect(ms).toBeGreaterThanOrEqual(0);
  expect(memory.activationBytes).toBeGreaterThanOrEqual(memory.lowerBoundBytes);
  expect(backend.liveBytes).toBe(0);
  await backend.dispose();
});

test("a backend that does not time its calls is an error that says so", async () => {
  await expect(profile(graph, { backend: nullBackend(), ...numbers })).rejects.toThrow("does not time its calls");
});
