import { expect, test } from "vitest";
import type { Case, EngineRow } from "./result.ts";
import { standings } from "./standings.ts";

const row = (engine: string, ratio?: number): EngineRow => ({ engine, detail: "", ratio });
const of = (name: string, ...engines: EngineRow[]): Case => ({
  name,
  times: 1,
  macs: 0,
  bytes: 0,
  engines: [row("tessera", 1), ...engines],
});

test("geometric means over the fastest of each case, and over each engine where it was right", () => {
  const cases = [
    of("a", row("x", 2), row("y", 8)),
    of("b", row("x", 9), row("y", 4.5)),
    of("c", row("x", 3), row("y")),
  ];
  const [best, x, y] = standings(cases);
  expect(best).toEqual({
    cases: 3,
    mean: expect.closeTo(3, 12), // 2, 4.5 and 3: the cube root of 27
    least: { name: "a", engine: "x", ratio: 2 },
  });
  expect(x).toMatchObject({ engine: "x", cases: 3, mean: expect.closeTo(54 ** (1 / 3), 12) });
  expect(y).toMatchObject({ engine: "y", cases: 2, mean: expect.closeTo(6, 12), least: { name: "b", ratio: 4.5 } });
});

test("where no other engine was timed there is nothing to stand beside", () => {
  expect(standings([of("a", row("x"))])).toEqual([]);
});
