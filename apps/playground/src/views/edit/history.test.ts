import fc from "fast-check";
import { expect, test } from "vitest";
import { drawingOn, layer, type Drawing } from "./drawing.ts";
import { begin, bytesOf, commit, redo, undo, type History } from "./history.ts";

const blank = (width: number, height: number) =>
  drawingOn({ width, height, data: new Uint8ClampedArray(4 * width * height) });

/** A drawing with other pixels here and there, in its paint or in the picture below. */
function changed(drawing: Drawing, which: "base" | "paint", pixels: readonly (readonly [number, number])[]): Drawing {
  const data = drawing[which].data.slice();
  for (const [at, value] of pixels) data.fill(value, 4 * (at % (data.length / 4)), 4 * (at % (data.length / 4)) + 4);
  return { ...drawing, [which]: layer(data) };
}

const side = fc.integer({ min: 1, max: 100 });
const edits = fc.array(
  fc.record({
    which: fc.constantFrom("base" as const, "paint" as const),
    pixels: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
    size: fc.option(fc.tuple(side, side), { freq: 8 }),
  }),
  { maxLength: 6 },
);

test("undoing n steps and redoing them passes the same drawings, whatever was drawn or opened", () => {
  fc.assert(
    fc.property(side, side, edits, (width, height, list) => {
      let history = begin(blank(width, height));
      const passed: Drawing[] = [history.now];
      for (const { which, pixels, size } of list) {
        history = commit(history, size ? blank(...size) : changed(history.now, which, pixels));
        passed.push(history.now);
      }
      for (const before of passed.slice(0, -1).toReversed()) expect((history = undo(history)).now).toEqual(before);
      expect(undo(history)).toBe(history);
      for (const after of passed.slice(1)) expect((history = redo(history)).now).toEqual(after);
      expect(redo(history)).toBe(history);
    }),
    { numRuns: 15 },
  );
});

test("a step costs the tiles that it touched; drawing anew forgets what was undone", () => {
  const start = begin(blank(128, 128));
  const drawn = commit(start, changed(start.now, "paint", [[128 * 100 + 100, 200]]));
  expect(bytesOf(drawn.past[0])).toBe(2 * 4 * 64 * 64);
  const again = commit(undo(drawn), changed(start.now, "paint", [[0, 9]]));
  expect(again.future).toEqual([]);
  expect(undo(again).now).toEqual(start.now);
});

test("the oldest steps are forgotten beyond the limits, never the last", () => {
  const drawn = (limits: { steps: number; bytes: number }) => {
    let history: History = begin(blank(64, 64));
    for (let i = 1; i <= 5; i++) history = commit(history, changed(history.now, "paint", [[i, i]]), limits);
    return history;
  };
  expect(drawn({ steps: 3, bytes: Infinity }).past).toHaveLength(3);
  expect(drawn({ steps: 9, bytes: 2 * 2 * 4 * 64 * 64 }).past).toHaveLength(2);
  const one = drawn({ steps: 9, bytes: 1 });
  expect(one.past).toHaveLength(1);
  expect(undo(one).now.paint.data[4 * 4]).toBe(4);
});
