import { existsSync, readFileSync } from "node:fs";
import { experiments } from "@tessera/bench/experiments";
import { describe, expect, test } from "vitest";
import { charts, chartSvg } from "./charts.ts";
import { newestRuns, resultsMarkdown } from "./results.ts";

const runs = await newestRuns();
const file = (path: string) => new URL(`../${path}`, import.meta.url);

test("every experiment has a result, a plot, and its place in docs/results.md, which is what the results say", async () => {
  const ids = experiments.filter(({ backend }) => !backend).map(({ id }) => id);
  expect(runs.map(({ experiment }) => experiment)).toEqual(ids);
  expect(Object.keys(charts).sort()).toEqual(ids.toSorted());
  for (const id of ids) expect(existsSync(file(`docs/images/results/${id}.svg`)), id).toBe(true);
  expect(readFileSync(file("docs/results.md"), "utf8"), "run npm run results").toBe(await resultsMarkdown(runs));
});

describe.each(runs)("$experiment", (run) => {
  test("has all its parts, and says of each row how it was come by", () => {
    expect(run.parts.map(({ name }) => name)).toEqual(run.planned);
    const rows = run.tables.flatMap((table) => table.rows);
    expect(rows.length).toBeGreaterThan(0);
    for (const { subject, quantity, how, ours, without } of rows)
      expect(how === "not possible" ? without : ours, `${subject}, ${quantity}`).toBeDefined();
  });

  test("is drawn with marks in it", () => {
    const svg = chartSvg(run);
    expect(svg).toMatch(/^<svg .*<\/svg>$/s);
    expect(svg).not.toContain("NaN");
    expect(svg.match(/<path /g)!.length).toBeGreaterThan(10);
  });
});
