import { memorySource } from "@tessera/safetensors";
import { backends, expectClose } from "@tessera/testing";
import { describe, expect, test } from "vitest";
import { compile } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import * as ops from "../ops/index.ts";
import { Tuning, tuningKey } from "../plan/tuning.ts";
import { reference } from "../reference/index.ts";
import { webgpu } from "./index.ts";

const isHere = (await backends()).some(({ name }) => name === "webgpu");

/** A convolution that takes a while, attention, and a little addition between. */
function network() {
  const graph = new Graph();
  const x = graph.input("x", [1, 16, 33, 32]);
  const y = ops.conv2d({ x, weight: graph.param("weight", [24, 16, 3, 3]) }, { pad: [1, 1, 1, 1] });
  const tokens = ops.tokens({ x: ops.add(y, graph.input("shift", [1])) });
  graph.output("y", ops.attention({ q: tokens, k: tokens, v: tokens }, { heads: 2 }));
  const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * i + count) / 2);
  const data = new Uint8Array(numbers(24 * 16 * 9).buffer);
  const weights = memorySource({ weight: { dtype: "F32", shape: [24, 16, 3, 3], data } });
  return { graph, weights, inputs: { x: numbers(x.elements), shift: [0.5] } };
}

describe.skipIf(!isHere)("the webgpu backend", () => {
  test("times calls where the device has timestamps", async ({ skip }) => {
    const backend = await webgpu();
    if (!backend.caps.timestamps) skip("the adapter has no timestamps");
    const { graph, weights, inputs } = network();
    const program = await compile(graph, backend, { weights });
    const given: (readonly number[])[] = [];
    for (let run = 0; run < 3; run++) await program.run(inputs, { onTimes: (ms) => given.push(ms) });
    expect(given.map(({ length }) => length)).toEqual(Array(3).fill(program.plan.calls.length));
    for (const ms of given.flat()) expect(ms).toBeGreaterThanOrEqual(0);
    for (const ms of given) expect(Math.max(...ms)).toBeGreaterThan(0);
    program.dispose();
    await backend.dispose();
  });

  test.each([{}, { defaultLimits: true }])("measures kernels and takes the fastest, %o", async (options) => {
    const backend = await webgpu(options);
    const { graph, weights, inputs } = network();
    const tuning = await Tuning.open(backend, undefined, { measure: true });
    const phases: string[] = [];
    const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }) =>
      phases.push(`${phase} ${done}/${total}`);
    const program = await compile(graph, backend, { weights, tuning, onProgress });
    expect(phases.slice(0, 2)).toEqual(expect.arrayContaining([expect.stringMatching(/^tuning 1\//)]));
    const chosen = program.plan.calls.map(({ node, kernel }) => ({
      kernel,
      measured: tuning.get(tuningKey(node, program.plan.context)),
    }));
    expect(chosen[0].measured).toBeDefined();
    for (const { kernel, measured } of chosen) {
      if (!measured) continue; // there is one kernel only that may run it
      expect(kernel.name).toBe(measured.kernel);
      expect(Object.keys(measured.ms).length).toBeGreaterThan(1);
      expect(Object.keys(measured.ms)).not.toContain("conv2d.direct");
      expect(Object.keys(measured.ms)).not.toContain("conv2d.winograd6"); // rougher, and more bytes of weights
    }
    const expected = await (await (await compile(graph, reference(), { weights })).run(inputs)).y.read();
    expectClose(await (await program.run(inputs)).y.read(), expected, 1e-4);
    program.dispose();
    expect(backend.liveBytes).toBe(0);
    await backend.dispose();
  });
});
