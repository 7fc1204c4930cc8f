import { expect, test } from "vitest";
import { asJson } from "./asJson.ts";
import { editSummary, editTable, type Costs } from "./editTable.ts";

const costs: Costs = {
  edited: 0.1,
  grown: 0.2,
  blocks: [],
  macs: { dense: 2e9, sparse: 1e9 },
  ms: { load: 1, record: 2, recall: 3, sparse: 4, dense: 8 },
  stateBytes: 2 ** 20,
  psnr: { all: Infinity, inside: 38.51 },
};

test("pictures that are equal are called so, and in JSON are infinitely like each other", () => {
  expect(editTable(costs).at(-1)).toBe("  PSNR to the edit as a whole       identical   within the mask 38.5 dB");
  const { psnr } = JSON.parse(asJson(editSummary(costs)));
  expect(psnr).toEqual({ all: "Infinity", inside: 38.51 });
  expect([Number(psnr.all) > 30, JSON.parse(asJson([-Infinity, NaN, null, "a"]))]).toEqual([
    true,
    ["-Infinity", "NaN", null, "a"],
  ]);
});
