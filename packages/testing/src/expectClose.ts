import { expect } from "vitest";

export const maxAbs = (data: ArrayLike<number>): number => {
  let largest = 0;
  for (let i = 0; i < data.length; i++) largest = Math.max(largest, Math.abs(data[i]));
  return largest;
};

/** ‖actual − expected‖ / ‖expected‖. */
export function relativeL2(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** Fails unless every number is within `tolerance` (absolute) of the reference; NaN and infinities fail. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = "result",
): void {
  expect(actual.length, `${what}: how many numbers`).toBe(expected.length);
  let [worst, at] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (difference > worst || Number.isNaN(difference)) [worst, at] = [difference, i];
    if (Number.isNaN(difference)) break;
  }
  if (!(worst <= tolerance))
    expect.fail(
      `${what}: differs by ${worst.toExponential(2)} at ${at} (${actual[at]} for ${expected[at]}), tolerance ${tolerance.toExponential(2)}, max |reference| ${maxAbs(expected).toExponential(2)}`,
    );
}
