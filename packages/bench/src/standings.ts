import type { Case, Standing } from "./result.ts";

/** Ours beside the fastest other engine of each case, then beside each engine that was timed at all. */
export function standings(cases: readonly Case[]): Standing[] {
  const others = cases.map(({ name, engines }) =>
    engines.slice(1).flatMap(({ engine, ratio }) => (ratio === undefined ? [] : [{ name, engine, ratio }])),
  );
  const fastest = others.flatMap((rows) => rows.toSorted((a, b) => a.ratio - b.ratio).slice(0, 1));
  const engines = [...new Set(others.flat().map(({ engine }) => engine))];
  const byEngine = engines.map((engine) => others.flat().filter((row) => row.engine === engine));
  return [fastest, ...byEngine]
    .filter((rows) => rows.length)
    .map((rows, i) => ({
      ...(i && { engine: rows[0].engine }),
      cases: rows.length,
      mean: Math.exp(rows.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / rows.length),
      least: rows.reduce((least, row) => (row.ratio < least.ratio ? row : least)),
    }));
}
