import { backends, expectClose, operatorCases } from "@tessera/testing";
import { memorySource } from "@tessera/safetensors";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, passes } from "./compile.ts";
import { KernelError } from "./graph/errors.ts";
import type { Graph } from "./graph/graph.ts";
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
});
