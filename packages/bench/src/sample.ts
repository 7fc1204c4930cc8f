import { timeOf, type EngineRow, type Limits, type Time } from "./result.ts";
import { median } from "./stats.ts";
import type { Spent } from "./timed.ts";

/** An engine that takes seconds, and this many times as long as ours, is sampled once: more would tell nothing new. */
const hopeless = 10;
const longMs = 1000;

/** Something that can be timed, ours or a peer's. */
export interface Runner {
  readonly row: EngineRow;
  run(count: number): Promise<Spent>;
  readonly samples: Spent[];
}

/** Runs of less than this are taken several to a sample. */
export const sampleMs = 20;

/** Between two engines' samples: threads of ONNX Runtime look for work for 30 ms after they have run out of it. */
const pauseMs = 50;

/** Runs of more multiply-adds than this take seconds: the run that gave the results has warmed them up. */
const longMacs = 2e10;

/**
 * Warms up, unless runs are long, then takes samples in turns. An engine that fails keeps what it has and stops; the
 * first, ours, throws. One that takes seconds, and many times as long as ours, keeps the run that would have warmed it up.
 *
 * @param macs multiply-adds of a run
 */
export async function sample(
  runners: readonly Runner[],
  macs: number,
  repeat: number,
  signal: AbortSignal | undefined,
  onRound: (round: number) => void,
): Promise<void> {
  const counts = new Map<Runner, number>();
  const attempt = async (runner: Runner, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (runner === runners[0]) throw error; // ours
      runner.row.note = `failed: ${firstLine(error as Error)}`;
      counts.delete(runner);
    }
  };
  let oursMs = Infinity;
  for (const runner of runners)
    await attempt(runner, async () => {
      const warm = macs > longMacs ? undefined : await runner.run(1);
      if (warm && runner === runners[0]) oursMs = warm.ms;
      if (warm && warm.ms > Math.max(longMs, hopeless * oursMs)) {
        runner.samples.push(warm);
        runner.row.detail += ", one sample";
      } else counts.set(runner, Math.min(200, Math.max(1, Math.ceil(sampleMs / Math.max(warm?.ms ?? sampleMs, 1e-3)))));
    });
  for (let round = 0; round < repeat; round++) {
    onRound(round + 1);
    for (const [runner, count] of counts) {
      signal?.throwIfAborted();
      if (counts.size > 1) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      await attempt(runner, async () => void runner.samples.push(await runner.run(count)));
    }
  }
}

/** The time of one, where `times` stood in a row. */
export const timeSpent = (samples: readonly Spent[], times: number): Time => ({
  ...timeOf(samples.map(({ ms }) => ms / times)),
  cpuMedianMs: median(samples.map(({ cpuMs }) => cpuMs / times)) || undefined,
});

export function ratesOf(time: Time, ours: Time, macs: number, bytes: number, limits: Limits): Partial<EngineRow> {
  const ms = time.medianMs;
  const gflops = macs ? (2 * macs) / ms / 1e6 : undefined;
  return {
    gflops,
    ofPeak: gflops && gflops / limits.simdGflops,
    gigabytesPerSecond: bytes / (time.inRunMs ?? ms) / 1e6,
    ratio: ours.medianMs ? ms / ours.medianMs : undefined,
    cpuRatio: ours.cpuMedianMs ? time.cpuMedianMs! / ours.cpuMedianMs : undefined,
  };
}

export const firstLine = ({ message }: Error): string => message.split("\n")[0].slice(0, 200);
