import fc from "fast-check";
import { memorySource } from "@tessera/safetensors";
import { describe, expect, test } from "vitest";
import { compile, planFor } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import { without } from "../options.ts";
import { add, linear, silu, slice } from "../ops/index.ts";
import { nullBackend } from "../null/index.ts";
import { reference } from "../reference/index.ts";
import { WeightError } from "./bind.ts";
import { physicalStrides, toLogical, toPhysical } from "./layout.ts";
import { printPlan } from "./plan.ts";
import { planMemory } from "./planMemory.ts";

const lifetimes = fc.array(
  fc
    .record({ bytes: fc.integer({ min: 1, max: 5000 }), first: fc.nat(20), length: fc.nat(8) })
    .map(({ bytes, first, length }) => ({ bytes, first, last: first + length })),
  { maxLength: 40 },
);

describe("planMemory", () => {
  test.each(["offsets", "blocks"] as const)("never lets two that are alive together overlap (%s)", (unit) => {
    fc.assert(
      fc.property(lifetimes, fc.constantFrom("greedy" as const, "naive" as const), (all, strategy) => {
        const { places, blocks, bytes, naiveBytes, lowerBoundBytes } = planMemory(all, strategy, unit);
        all.forEach((a, i) => {
          expect(places[i].offset + a.bytes).toBeLessThanOrEqual(blocks[places[i].block]);
          all.slice(0, i).forEach((b, j) => {
            if (strategy === "greedy" && (a.first > b.last || b.first > a.last)) return;
            const apart =
              places[i].offset >= places[j].offset + b.bytes || places[j].offset >= places[i].offset + a.bytes;
            expect(places[i].block !== places[j].block || apart).toBe(true);
          });
        });
        expect(bytes).toBeGreaterThanOrEqual(lowerBoundBytes);
        expect(bytes).toBeLessThanOrEqual(naiveBytes);
      }),
    );
  });
});

test("device order and logical order are inverse, and strides say where each number lies", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }), (shape) => {
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
      const physical = toPhysical(data, shape);
      expect(toLogical(physical, shape)).toEqual(data);
      const strides = physicalStrides(shape);
      const position = shape.map((size) => size - 1);
      const logical = position.reduce((at, p, d) => at * shape[d] + p, 0);
      expect(physical[position.reduce((at, p, d) => at + p * strides[d], 0)]).toBe(data[logical]);
    }),
  );
});

function twoLayers(): Graph {
  const g = new Graph();
  const x = g.input("x", [4, 8]);
  const layer = (name: string, t: typeof x) =>
    add(linear({ x: t, weight: g.scope(name).get("weight", [8, 8]) }), g.scope(name).get("bias", [8]));
  g.output("y", layer("b", silu(layer("a", x))));
  return g;
}

describe("plans", () => {
  test("print kernels, places and bytes", () => {
    expect(printPlan(planFor(twoLayers(), nullBackend()))).toMatchInlineSnapshot(`
      "   0  null                    a  [4 8]  → 0+256  +add+silu
         1  null                    b  [4 8]  → 0+512  +add
      weights 0.0 MiB; activations 0.0 MiB (lower bound 0.0 MiB, naive 0.0 MiB)"
    `);
  });
  test("greedy memory needs less than naive", () => {
    const greedy = planFor(twoLayers(), nullBackend(), without("absorb"));
    const naive = planFor(twoLayers(), nullBackend(), without("absorb", "greedy"));
    expect(greedy.memory.bytes).toBeLessThan(naive.memory.bytes);
    expect(naive.memory.bytes).toBe(greedy.memory.naiveBytes);
  });
  test("an op that a backend has no kernel for is named with its place", () => {
    const g = new Graph();
    g.output("y", slice({ x: g.input("x", [4]) }, { begin: 1, end: 3 }));
    const bare = { ...nullBackend(), ladders: {} };
    expect(() => planFor(g, bare)).toThrow("slice at x: no kernel accepts it (x[4]). This backend has none for it.");
  });
});

describe("weights", () => {
  const tensor = (...shape: number[]) => ({
    dtype: "F32" as const,
    shape,
    data: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)),
  });

  test("all differences are reported at once, with the nearest name", async () => {
    const weights = memorySource({
      "a.weight": tensor(8, 4),
      "old.a.bias": tensor(8),
      "b.weight": tensor(8, 8),
      "b.bias": tensor(8),
    });
    const error = await compile(twoLayers(), reference(), { weights }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(WeightError);
    expect(String(error)).toContain("1 of 4 parameters missing, 1 misshapen, 1 unexpected");
    expect(String(error)).toContain("missing a.bias [8] (nearest: old.a.bias)");
    expect(String(error)).toContain("a.weight has shape [8 4], expected [8 8]");
  });

  test("trailing ones do not count, and live bytes return to zero", async () => {
    const backend = reference();
    const weights = memorySource({
      "a.weight": tensor(8, 8, 1, 1),
      "a.bias": tensor(8),
      "b.weight": tensor(8, 8),
      "b.bias": tensor(8),
    });
    const program = await compile(twoLayers(), backend, { weights });
    expect(backend.liveBytes).toBeGreaterThan(0);
    await expect(program.run({})).rejects.toThrow("input x [4 8] is missing");
    await expect(program.run({ x: [1] })).rejects.toThrow("input x has 1 numbers, expected 32 [4 8]");
    await expect(program.run({ x: new Float32Array(32), z: [1] })).rejects.toThrow(
      "there is no input called z. Inputs: x.",
    );
    program.dispose();
    program.dispose();
    expect(backend.liveBytes).toBe(0);
    await expect(program.run({ x: new Float32Array(32) })).rejects.toThrow("disposed");
  });
});
