import { backends, expectClose, operatorCases } from "@tessera/testing";
import { memorySource } from "@tessera/safetensors";
import { afterAll, beforeAll, describe, test } from "vitest";
import { compile } from "./compile.ts";
import type { Backend } from "./plan/backend.ts";

const cases = await operatorCases();

describe.each(await backends())("operators on $name", ({ open, name }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test.each(cases)("$name", async ({ build, data, shapes, expected, tolerance, maxAbs }) => {
    const graph = build();
    const weights = memorySource(
      Object.fromEntries(
        [...graph.params.keys()].map((key) => [
          key,
          {
            dtype: "F32" as const,
            shape: shapes[key],
            data: new Uint8Array(data[key].buffer, data[key].byteOffset, data[key].byteLength),
          },
        ]),
      ),
    );
    const program = await compile(graph, backend, { weights });
    const inputs = Object.fromEntries([...graph.inputs.keys()].map((key) => [key, data[key]]));
    const { out } = await program.run(inputs);
    expectClose(await out.read(), expected, name === "webgpu" ? Math.max(tolerance, 1e-3 * maxAbs) : tolerance);
    program.dispose();
  });
});
