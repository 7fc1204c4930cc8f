import { expect, test } from "vitest";
import { guidance } from "./guidance.ts";
import { fourierFeatures, guidanceEmbedding, guidanceTarget } from "./guidanceDistillation.ts";

test("the target is classifier-free guidance of scale 1 + w", () => {
  for (const w of [0, 0.5, 6.5, 14]) {
    expect(guidanceTarget(w).cond).toBe(guidance(1 + w).cond);
    expect(guidanceTarget(w).uncond).toBeCloseTo(guidance(1 + w).uncond, 12);
  }
});

test("guidanceEmbedding: sines, then cosines, from frequency 1 down to 1/10000", () => {
  const embedding = guidanceEmbedding(0.002, 8); // 1000·w = 2
  const frequencies = [1, 10000 ** (-1 / 3), 10000 ** (-2 / 3), 1e-4];
  frequencies.forEach((f, k) => {
    expect(embedding[k]).toBeCloseTo(Math.sin(2 * f), 5);
    expect(embedding[4 + k]).toBeCloseTo(Math.cos(2 * f), 5);
  });
  expect(guidanceEmbedding(6.5).length).toBe(256);
  expect(guidanceEmbedding(6.5)[0]).toBeCloseTo(Math.sin(6500), 6);
  expect(() => guidanceEmbedding(1, 7)).toThrow(/even whole number of at least 4, got 7/);
});

test("fourierFeatures of given frequencies", () => {
  [...fourierFeatures(0.5, [1, 0.25])].forEach((v, k) =>
    expect(v).toBeCloseTo([Math.sin(Math.PI), Math.SQRT1_2, Math.cos(Math.PI), Math.SQRT1_2][k], 6),
  );
});
