import { median } from "@tessera/bench";

/** The median of repeated runs, in milliseconds, after one that is not counted: five runs, or as many as fit in 300 ms. */
export async function medianMs(run: () => Promise<unknown>): Promise<number> {
  await run();
  const times: number[] = [];
  const began = performance.now();
  while (times.length < 5 && (!times.length || performance.now() - began < 300)) {
    const started = performance.now();
    await run();
    times.push(performance.now() - started);
  }
  return median(times);
}
