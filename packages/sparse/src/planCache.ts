import { countMacs, type Graph } from "@tessera/kernels";
import { gridOf } from "./analysis.ts";
import { recallGraph, recordGraph } from "./recall.ts";

/** States of one resolution. */
export interface CacheLevel {
  /** 0 × 0: statistics, and what is made of the text; they are few, and kept in full precision. */
  readonly height: number;
  readonly width: number;
  readonly states: readonly string[];
  /** Of one evaluation, as they are kept. */
  readonly bytes: number;
  /** In how many evaluations they are kept. */
  readonly kept: number;
}

/** What is kept of all evaluations of a network on an original, and what it costs that the rest is not. */
export interface CachePlan {
  /** Bytes that may be used, and that will be. */
  readonly budget: number;
  readonly bytes: number;
  readonly evaluations: number;
  readonly levels: readonly CacheLevel[];
  /** The states that are kept, in so many evaluations from the first. */
  readonly kept: readonly string[];
  readonly cached: number;
  /** Multiply-adds to compute again what is not kept, for all evaluations together, once. */
  readonly recomputedMacs: number;
  /** The same if nothing was kept. */
  readonly wholeMacs: number;
}

/**
 * Chooses which resolutions of the states to keep (halves; two bytes a number), and in how many evaluations, so that the
 * least is computed again within a budget of bytes. States that are not kept are recomputed from those that are: see
 * `recallGraph`. Evaluations that are not kept at all are recorded anew.
 */
export function planCache(
  full: Graph,
  states: readonly string[],
  { evaluations, budget }: { readonly evaluations: number; readonly budget: number },
): CachePlan {
  const grid = gridOf();
  const byLevel = new Map<string, { height: number; width: number; states: string[]; bytes: number }>();
  for (const name of states) {
    const t = full.outputs.get(name)!;
    const { height, width } = grid(t) ?? { height: 0, width: 0 };
    const key = `${height}x${width}`;
    const level = byLevel.get(key) ?? { height, width, states: [], bytes: 0 };
    level.states.push(name);
    level.bytes += (height ? 2 : 4) * t.elements;
    byLevel.set(key, level);
  }
  const levels = [...byLevel.values()].sort((a, b) => b.height * b.width - a.height * a.width);
  const wholeMacs = countMacs(recallGraph(full, states, [])).total;
  const spatial = levels.filter(({ height }) => height > 0);
  const rest = levels.filter(({ height }) => height === 0);
  const choices = Array.from({ length: 2 ** spatial.length }, (_, bits) => {
    const kept = bits ? [...spatial.filter((_, i) => bits & (1 << i)), ...rest] : [];
    const bytes = kept.reduce((sum, level) => sum + level.bytes, 0);
    const names = kept.flatMap((level) => level.states);
    const again = countMacs(recallGraph(full, states, names)).total;
    const first = countMacs(recordGraph(full, names)).total;
    const cached = bytes ? Math.min(evaluations, Math.floor(budget / bytes)) : 0;
    return { kept, names, bytes: cached * bytes, cached, macs: evaluations * again + (evaluations - cached) * first };
  });
  const best = choices.reduce((a, b) => (b.macs < a.macs || (b.macs === a.macs && b.bytes < a.bytes) ? b : a));
  return {
    budget,
    bytes: best.bytes,
    evaluations,
    levels: levels.map((level) => ({ ...level, kept: best.kept.includes(level) ? best.cached : 0 })),
    kept: best.cached ? best.names : [],
    cached: best.cached,
    recomputedMacs: best.macs,
    wholeMacs: evaluations * wholeMacs,
  };
}

/** The trade as a table: what is kept, and what is computed again. */
export function printCachePlan({ budget, bytes, evaluations, levels, recomputedMacs, wholeMacs }: CachePlan): string {
  const mib = (n: number) => `${(n / 2 ** 20).toFixed(1)} MiB`;
  const g = (n: number) => `${(n / 1e9).toFixed(2)} G`;
  return [
    `cache: ${mib(bytes)} of ${mib(budget)}, ${evaluations} evaluations`,
    ...levels.map(({ height, width, bytes, kept }) => {
      const what = height ? `${height}×${width}` : "statistics, text";
      return `  ${what.padEnd(18)}${mib(bytes).padStart(10)} each, kept in ${kept} of ${evaluations}`;
    }),
    `  computed again: ${g(recomputedMacs)} multiply-adds of ${g(wholeMacs)}`,
  ].join("\n");
}
