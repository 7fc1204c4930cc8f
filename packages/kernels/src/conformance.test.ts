import { backends, expectClose, operatorCases } from "@tessera/testing";
import { memorySource } from "@tessera/safetensors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, passes } from "./compile.ts";
import { KernelError } from "./graph/errors.ts";
import { Graph } from "./graph/graph.ts";
import { linear, reshape } from "./ops/index.ts";
import { defaultOptions, without, type Options } from "./options.ts";
import type { Backend } from "./plan/backend.ts";

const cases = await operatorCases();

interface Variant {
  readonly kernel: string;
  readonly options: Options;
}

/** Each way to run a graph: as chosen, without passes, and with each kernel of each ladder forced by forbidding its neighbours. */
function variants(graph: Graph, backend: Backend): Variant[] {
  const { ladders } = backend;
  const chosen = { kernel: "as chosen", options: without() };
  const plain = { kernel: "as written", options: without(...Object.keys(defaultOptions.passes)) };
  const lowered = passes(backend).reduce((g, pass) => pass.apply(g), graph);
  const forced = [...new Set(lowered.nodes.map((t) => t.op.name))].flatMap((op) => {
    const names = [...new Set((ladders[op] ?? []).map(({ name }) => name))];
    if (names.length < 2) return [];
    return names.map((kernel) => ({ kernel, options: without(...names.filter((other) => other !== kernel)) }));
  });
  return [chosen, plain, ...forced];
}

/** The same with weights stored in halves, where there are weights and a storage. */
const inHalves = (graph: Graph, backend: Backend): Variant[] =>
  backend.name === "reference" || !graph.params.size
    ? []
    : variants(graph, backend).map(({ kernel, options }) => ({
        kernel,
        options: { ...options, dtype: { weights: "f16" } },
      }));

describe.each(await backends())("operators on $name", ({ open, name }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test.each(cases)("$name", async ({ build, data, shapes, expected, tolerance, maxAbs }) => {
    const graph = build();
    const weights = memorySource(
      Object.fromEntries(
        [...graph.params.keys()].map((key) => {
          const { buffer, byteOffset, byteLength } = data[key];
          return [
            key,
            { dtype: "F32" as const, shape: shapes[key], data: new Uint8Array(buffer, byteOffset, byteLength) },
          ];
        }),
      ),
    );
    const inputs = Object.fromEntries([...graph.inputs.keys()].map((key) => [key, data[key]]));
    for (const { kernel, options } of [...variants(graph, backend), ...inHalves(graph, backend)]) {
      const program = await compile(build(), backend, { weights, options }).catch((error: unknown) => {
        if (kernel.startsWith("as ") || !(error instanceof KernelError)) throw error;
        expect(error.message).toContain(`${kernel} refused: `);
        return undefined;
      });
      if (!program) continue;
      const { out } = await program.run(inputs);
      const halves = options.dtype.weights === "f16";
      const share = halves ? 1e-2 : name === "webgpu" ? 1e-3 : 0;
      expectClose(await out.read(), expected, Math.max(tolerance, share * maxAbs), halves ? `${kernel}, f16` : kernel);
      program.dispose();
    }
    expect(backend.liveBytes).toBe(0);
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
