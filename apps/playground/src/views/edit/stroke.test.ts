import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cover, coverageOf, lay, type Box, type Colour, type Touch } from "./stroke.ts";

const [width, height] = [40, 30];
const all: Box = { left: 0, top: 0, right: width, bottom: height };
const place = fc.double({ min: -10, max: 50, noNaN: true });
const touch: fc.Arbitrary<Touch> = fc.record({
  x: place,
  y: place,
  radius: fc.double({ min: 0.5, max: 9, noNaN: true }),
});
const hardness = fc.double({ min: 0, max: 1, noNaN: true });

function covered(hard: number, ...touches: Touch[]): Uint8Array {
  const coverage = coverageOf(width, height);
  touches.slice(1).forEach((to, i) => cover(coverage, touches[i], to, hard));
  return coverage.data;
}

const furthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (value, i) => Math.abs(value - b[i])).reduce((most, d) => Math.max(most, d), 0);

describe("what a brush covers", () => {
  test("a touch covers a disc", () => {
    for (const radius of [2, 5, 9]) {
      const at = { x: 20, y: 15, radius };
      const area = covered(1, at, at).reduce((sum, share) => sum + share / 255, 0);
      expect(Math.abs(area / (Math.PI * radius ** 2) - 1)).toBeLessThan(0.05);
    }
    const dot = { x: 3.5, y: 2.5, radius: 0.5 };
    expect([...covered(1, dot, dot).entries()].filter(([, share]) => share > 0)).toEqual([[2 * width + 3, 255]]);
  });

  test("a line of one width is the same from either end, and in two halves", () => {
    fc.assert(
      fc.property(touch, touch, hardness, (from, end, hard) => {
        const to = { ...end, radius: from.radius };
        const once = covered(hard, from, to);
        expect(furthest(once, covered(hard, to, from))).toBeLessThanOrEqual(1);
        const middle = { ...from, x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
        expect(furthest(once, covered(hard, from, middle, to))).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("passing again changes nothing, and nothing lies outside the box that is told", () => {
    fc.assert(
      fc.property(touch, touch, hardness, (from, to, hard) => {
        const coverage = coverageOf(width, height);
        const { left, top, right, bottom } = cover(coverage, from, to, hard);
        const once = coverage.data.slice();
        cover(coverage, from, to, hard);
        expect(coverage.data).toEqual(once);
        for (const [i, share] of once.entries()) {
          const [x, y] = [i % width, Math.floor(i / width)];
          if (share) expect(x >= left && x < right && y >= top && y < bottom).toBe(true);
        }
      }),
    );
  });
});

describe("what it leaves", () => {
  const full = { width, height, data: new Uint8Array(width * height).fill(255) };
  const some = fc.uint8Array({ minLength: 4 * width * height, maxLength: 4 * width * height });
  const colour = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)) as fc.Arbitrary<Colour>;

  test("covered and opaque, its colour; uncovered, what was there; erased, nothing", () => {
    fc.assert(
      fc.property(some, colour, (bytes, paint) => {
        const before = Uint8ClampedArray.from(bytes);
        const target = before.slice();
        lay(target, before, full, { colour: paint, hardness: 1, opacity: 1 }, all);
        expect(target.every((value, i) => value === [...paint, 255][i % 4])).toBe(true);
        lay(target, target.slice(), full, { colour: undefined, hardness: 1, opacity: 1 }, all);
        expect(target.every((value) => value === 0)).toBe(true);
        lay(target, before, coverageOf(width, height), { colour: paint, hardness: 1, opacity: 1 }, all);
        expect(target.every((value, i) => (before[i | 3] ? value === before[i] : i % 4 < 3 || value === 0))).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  test("half opaque over an opaque colour, the mean", () => {
    const before = new Uint8ClampedArray(4 * width * height).fill(255);
    const target = before.slice();
    lay(target, before, full, { colour: [55, 155, 255], hardness: 1, opacity: 0.5 }, all);
    expect([...target.subarray(0, 4)]).toEqual([155, 205, 255, 255]);
  });
});
