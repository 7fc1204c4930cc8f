import { expect, test } from "vitest";
import { median, medianDeviation, medianError } from "./stats.ts";

test("median, its absolute deviation and its error", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(() => median([])).toThrow(RangeError);
  // The worked example of the statistic: deviations of 1 1 2 2 4 6 9 from 2 are 1 1 0 0 2 4 7.
  expect(medianDeviation([1, 1, 2, 2, 4, 6, 9])).toBe(1);
  expect(medianError([1, 1, 2, 2, 4, 6, 9])).toBeCloseTo((1.2533 * 1.4826) / 7 ** 0.5, 4); // 1.2533 σ / √n
});
