import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { withinStep, type Progress } from "./progress.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("within a step, progress comes ten times a second at most, and never says that the step is done", () => {
  const told: Progress[] = [];
  let step = 3;
  const onProgress = withinStep(
    (progress) => told.push(progress),
    () => ({ phase: "sample", step, total: 20 }),
  )!;
  for (const done of [0, 50, 100, 150, 200]) {
    onProgress(done, 200);
    vi.advanceTimersByTime(60);
  }
  expect(told.map(({ within }) => within)).toEqual([0.5]);
  step = 4;
  onProgress(20, 200);
  expect(told.at(-1)).toEqual({ phase: "sample", step: 4, total: 20, within: 0.1 });
});
