import { cpuMs } from "#platform";
import { median } from "./stats.ts";

/** What a run took: time on the clock, and time of all threads of the process, which others' load moves less. */
export interface Spent {
  readonly ms: number;
  /** 0 in browsers, which do not tell. */
  readonly cpuMs: number;
}

/** What `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<Spent> {
  const [start, cpu] = [performance.now(), cpuMs()];
  await work();
  return { ms: performance.now() - start, cpuMs: cpuMs() - cpu };
}

/** The median of `count` runs on the clock, their mean in time of all threads, whose counter is coarse. */
export async function several(count: number, run: () => Promise<Spent>): Promise<Spent> {
  const runs: Spent[] = [];
  for (let i = 0; i < count; i++) runs.push(await run());
  return { ms: median(runs.map(({ ms }) => ms)), cpuMs: runs.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / count };
}
