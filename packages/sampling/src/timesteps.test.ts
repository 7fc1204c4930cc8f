import { expect, test } from "vitest";
import { timesteps } from "./timesteps.ts";

// `ddim.test.ts` holds all spacings against diffusers; here is what its cases do not reach.

test.each(["leading", "linspace", "trailing"])(
  "%s: descending, in range, as many as asked for, whatever the count",
  (spacing) => {
    for (let count = 1; count <= 1000; count++) {
      const list = timesteps(count, { spacing });
      expect(list.length).toBe(count);
      expect(list[0]).toBeLessThanOrEqual(999);
      expect(list[count - 1]).toBeGreaterThanOrEqual(0);
      expect(list.every((t, i) => Number.isInteger(t) && (i === 0 || t < list[i - 1]))).toBe(true);
    }
  },
);

test("halves round to even, as numpy's do", () => {
  // 1000 − 62.5·i − 1
  expect(timesteps(16, { spacing: "trailing" }).slice(0, 6)).toEqual([999, 937, 874, 811, 749, 687]);
  expect(timesteps(3, { spacing: "linspace" })).toEqual([999, 500, 0]); // 499.5
});

test("refuses what leaves the schedule", () => {
  expect(() => timesteps(1000, { offset: 1 })).toThrow(/begin at 1000, but the last noise level is 999/);
  expect(() => timesteps(0)).toThrow(/in 1…1000, got 0/);
  expect(() => timesteps(2.5)).toThrow(/got 2.5/);
  expect(() => timesteps(10, { spacing: "karras" })).toThrow(/Known: leading, linspace, trailing/);
});
