import type { Image } from "@tessera/pipelines";
import { coverageOf, type Coverage } from "./stroke.ts";

/** Covers all pixels that are connected to (x, y) by sides, and in no channel further than `tolerance` from its colour. */
export function floodFill({ width, height, data }: Image, x: number, y: number, tolerance: number): Coverage {
  const filled = coverageOf(width, height);
  const seed = 4 * (y * width + x);
  const matches = (at: number) => {
    for (let c = 0; c < 3; c++) if (Math.abs(data[4 * at + c] - data[seed + c]) > tolerance) return false;
    return !filled.data[at];
  };
  const starts = [y * width + x];
  while (starts.length) {
    const start = starts.pop()!;
    if (!matches(start)) continue;
    const row = start - (start % width);
    let [left, right] = [start, start + 1];
    while (left > row && matches(left - 1)) left--;
    while (right < row + width && matches(right)) right++;
    filled.data.fill(255, left, right);
    for (const next of [-width, width])
      if (row + next >= 0 && row + next < width * height)
        for (let at = left + next; at < right + next; at++)
          if (matches(at) && (at === left + next || !matches(at - 1))) starts.push(at);
  }
  return filled;
}
