import { cpuMs } from "#platform";

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

/** The mean of `count` runs. */
export async function several(count: number, run: () => Promise<Spent>): Promise<Spent> {
  let [ms, cpuMs] = [0, 0];
  for (let i = 0; i < count; i++) {
    const spent = await run();
    ms += spent.ms;
    cpuMs += spent.cpuMs;
  }
  return { ms: ms / count, cpuMs: cpuMs / count };
}
