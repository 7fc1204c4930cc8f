import { expect, test } from "vitest";
import { erf, evaluate, print, mul, substitute, value, add } from "./expr.ts";

test("erf to float64", () => {
  // Values of DLMF table 7.5 / Abramowitz & Stegun table 7.1.
  const table = [
    [0, 0],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3, 0.9999779095030014],
    [3.5, 0.9999992569016276],
  ];
  for (const [x, y] of table) {
    expect(evaluate(erf(value(0)), [x])).toBeCloseTo(y, 14);
    expect(evaluate(erf(value(0)), [-x])).toBeCloseTo(-y, 14);
  }
});

test("substitution renames operands and splices expressions", () => {
  const inner = mul(value(0), 2);
  expect(print(substitute(add(value(0), value(1)), [inner, value(1)]))).toBe("add(mul(x0, 2), x1)");
});
