import { setFlagsFromString } from "node:v8";
import { memorySource } from "@tessera/safetensors";
import { expectClose, operatorCases } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, planFor } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import { linear, silu } from "../ops/index.ts";
import { defaultOptions, without, type Options } from "../options.ts";
import type { Backend } from "../plan/backend.ts";
import type { WasmCaps } from "./kernel.ts";
import { emitFunctions, wasm } from "./backend.ts";
import { relaxedSimd } from "./relaxedSimd.ts";

const cases = await operatorCases();

describe("with relaxed SIMD", () => {
  let backend: Backend<WasmCaps>;
  beforeAll(async () => {
    setFlagsFromString("--experimental-wasm-relaxed-simd"); // Node 20 has it behind this flag, later ones as a matter of course
    const here = await wasm({ threads: 0 });
    backend = { ...here, caps: { ...here.caps, unitsApart: false } };
  });
  afterAll(() => backend.dispose());

  test.each(cases)("$name", async ({ build, data, shapes, expected, tolerance }) => {
    const graph = build();
    const stored = ([key]: readonly [string, unknown]) => {
      const { buffer, byteOffset, byteLength } = data[key];
      return [
        key,
        { dtype: "F32" as const, shape: shapes[key], data: new Uint8Array(buffer, byteOffset, byteLength) },
      ] as const;
    };
    const weights = memorySource(Object.fromEntries([...graph.params].map(stored)));
    const program = await compile(graph, backend, { weights });
    const { out } = await program.run(Object.fromEntries([...graph.inputs.keys()].map((key) => [key, data[key]])));
    expectClose(await out.read(), expected, tolerance);
    program.dispose();
  });

  test("the code has its multiply-adds, not without the switch, and products not where units are apart", () => {
    const graph = new Graph();
    const x = graph.input("x", [4, 8]);
    graph.output("y", linear({ x, weight: graph.param("weight", [16, 8]) }));
    graph.output("z", silu(x));
    const found = (unitsApart: boolean, options: Options) => {
      const { functions } = emitFunctions(
        planFor(graph, { ...backend, caps: { ...backend.caps, unitsApart } }, options),
      );
      return functions.map((f) => f.print().includes("f32x4.relaxed_madd"));
    };
    expect(found(false, defaultOptions)).toEqual([true, true]);
    expect(found(true, defaultOptions)).toEqual([false, true]);
    expect(found(false, without("fma"))).toEqual([false, false]);
  });

  test("the backend says that it found it", () => {
    expect(relaxedSimd()).toBe(true);
    expect(backend.description).toBe("WebAssembly relaxed SIMD, the calling thread");
  });
});
