import { backends, conform, operatorCases } from "@tessera/testing";
import { memorySource } from "@tessera/safetensors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "./compile.ts";
import { Graph } from "./graph/graph.ts";
import { linear, reshape } from "./ops/index.ts";
import type { Backend } from "./plan/backend.ts";

const cases = await operatorCases();

/** Tested by goldens of whole networks, by random shapes, or (on the host) by the cases of their op. */
const unrecorded = [
  "concat",
  "embed",
  "gated",
  "inside",
  "reshape",
  "gather",
  "scatter",
  "scatterGather",
  "timestepEmbedding",
];

describe.each(await backends())("operators on $name", ({ open }) => {
  let backend: Backend;
  const seen = new Set<string>();
  const ran = new Set<string>();
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test.each(cases)("$name", async (golden) => {
    const { kernels, wrong } = await conform(golden, backend);
    expect(wrong).toEqual([]);
    seen.add(golden.name);
    for (const kernel of kernels) ran.add(kernel);
  });

  test("each kernel ran in one of them, but those of ops that PyTorch has no case of", ({ skip }) => {
    if (seen.size < cases.length) skip("some of the cases were left out");
    const { caps, ladders } = backend;
    const needs = (name: string) =>
      name.endsWith("SubgroupMatrix") ? caps?.subgroupMatrix : /subgroups$/i.test(name) ? caps?.subgroupSize : true;
    const idle = Object.entries(ladders).flatMap(([op, ladder]) =>
      unrecorded.includes(op) ? [] : ladder.filter(({ name }) => needs(name) && !ran.has(name)),
    );
    expect(idle.map(({ name }) => name)).toEqual([]);
  });

  test("a parameter may be a result, as it is or reshaped, used or not", async () => {
    const values = { used: [1, 2, 3, 4, 5, 6], alone: [7, 8, 9, 10, 11, 12, 13, 14] };
    const graph = new Graph();
    const used = graph.param("used", [2, 3]);
    const alone = graph.param("alone", [1, 2, 2, 2]); // lies otherwise on a device than in the file
    graph.output("y", linear({ x: graph.input("x", [1, 3]), weight: used }));
    graph.output("used", used);
    graph.output("flat", reshape({ x: used }, { shape: [6] }));
    graph.output("alone", alone);
    const f32 = (shape: number[], data: number[]) =>
      ({ dtype: "F32", shape, data: new Uint8Array(Float32Array.from(data).buffer) }) as const;
    const weights = memorySource({ used: f32([2, 3], values.used), alone: f32([1, 2, 2, 2], values.alone) });
    const program = await compile(graph, backend, { weights });
    for (let run = 0; run < 2; run++) {
      const out = await program.run({ x: [1, 0, -1] });
      expect([...(await out.y.read())]).toEqual([-2, -2]);
      expect([...(await out.used.read())]).toEqual(values.used);
      expect([...(await out.flat.read())]).toEqual(values.used);
      expect([...(await out.alone.read())]).toEqual(values.alone);
    }
    program.dispose();
  });
});
