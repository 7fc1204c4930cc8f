import { describe, expect, test } from "vitest";
import { guidance } from "./guidance.ts";
import { combineFloat32, sample, type Step, stepsFromStrength } from "./sample.ts";

const steps: Step[] = [
  { t: 2, x: 0.5, out: 2, noise: 0 },
  { t: 1, x: 1, out: -1, noise: 0.25 },
];
const combine = combineFloat32;
const model = (x: Float32Array, t: number) => x.map((v) => v + t);

describe("sample", () => {
  test("x ← x·x + out·model(x, t) + noise·z, in order", async () => {
    const gaussian = () => Float32Array.of(4, 8);
    // 0.5·1 + 2·(1 + 2) = 6.5, then 6.5 − (6.5 + 1) + 0.25·4 = 0
    expect([...(await sample(model, Float32Array.of(1, 2), steps, { combine, gaussian }))]).toEqual([0, 1]);
  });

  test("T may be anything that combine understands, and everything may be asynchronous", async () => {
    const x = await sample<string>(async (x, t) => `m(${x},${t})`, "x", steps, {
      combine: async (...terms) => terms.map(([c, x]) => `${c}${x}`).join("+"),
      gaussian: async () => "z",
    });
    expect(x).toBe("10.5x+2m(x,2)+-1m(0.5x+2m(x,2),1)+0.25z");
  });

  test("onStep sees every step and is awaited", async () => {
    const seen: unknown[] = [];
    const onStep = async ({ index, count, t, x }: { index: number; count: number; t: number; x: Float32Array }) => {
      await Promise.resolve();
      seen.push([index, count, t, x[0]]);
    };
    await sample(model, Float32Array.of(1), steps, { combine, gaussian: () => Float32Array.of(0), onStep });
    expect(seen).toEqual([
      [0, 2, 2, 6.5],
      [1, 2, 1, -1],
    ]);
  });

  test("an aborted signal ends the run before the next step", async () => {
    const controller = new AbortController();
    let calls = 0;
    const counted = (x: Float32Array) => (calls++, x);
    const onStep = () => controller.abort(new Error("enough"));
    const { signal } = controller;
    await expect(sample(counted, Float32Array.of(1), steps, { combine, onStep, signal })).rejects.toThrow("enough");
    expect(calls).toBe(1);
  });

  test("a noisy table without noise is an error", async () => {
    await expect(sample(model, Float32Array.of(1), steps, { combine })).rejects.toThrow(/timestep 1 adds noise/);
  });
});

test("combineFloat32 rounds once and leaves its operands alone", () => {
  const [a, b] = [Float32Array.of(1e8), Float32Array.of(-1e8)];
  expect([...combineFloat32([1, a], [1, Float32Array.of(1)], [1, b])]).toEqual([1]);
  expect([a[0], b[0]]).toEqual([1e8, -1e8]);
  expect(() => combineFloat32([1, a], [1, new Float32Array(2)])).toThrow(/1 and 2 elements/);
});

test("stepsFromStrength takes the last ⌊count · strength⌋ steps", () => {
  const table = Array.from({ length: 50 }, (_, i) => i);
  expect(stepsFromStrength(table, 0.8)).toEqual(table.slice(10));
  expect(stepsFromStrength(table, 0.58).length).toBe(28); // 50 · 0.58 is 28.999… in Python too
  expect(stepsFromStrength(table, 1)).toEqual(table);
  expect(stepsFromStrength(table, 0)).toEqual([]);
  expect(() => stepsFromStrength(table, 1.5)).toThrow(/0…1, got 1.5/);
});

test("guidance is uncond + scale · (cond − uncond)", () => {
  const { uncond, cond } = guidance(7.5);
  expect(uncond * 0.2 + cond * 0.3).toBeCloseTo(0.2 + 7.5 * (0.3 - 0.2), 12);
  expect(guidance(1)).toEqual({ uncond: 0, cond: 1 });
});
