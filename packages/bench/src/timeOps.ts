import { countMacs, KernelError, OutOfMemoryError, type Backend, type Options } from "@tessera/kernels";
import { bytesOf } from "./bytesOf.ts";
import type { OpCase } from "./opCases.ts";
import { resident, type Resident } from "./resident.ts";
import type { Case, EngineRow, Limits } from "./result.ts";
import { firstLine, ratesOf, sample, sampleMs, timeSpent, type Runner } from "./sample.ts";
import { opSubject } from "./subject.ts";
import { several, timed } from "./timed.ts";

export interface TimeOpsOptions {
  readonly backend: Backend;
  readonly limits: Limits;
  /** Samples of each operator. */
  readonly repeat: number;
  /** The most that one operator may take, with compiling it: a sample of which is kept, of what took longer there is none. */
  readonly limitMs: number;
  readonly options?: Options;
  readonly signal?: AbortSignal;
  onProgress?(what: string): void;
}

/**
 * Times operators on one backend, for devices that nobody knows: small ones come first; what the device has no memory or
 * kernel for, or no time, has a note in place of a time. An operator that would pass the limit even at the best speed seen is
 * not begun, since not every device can stop in the middle of one.
 */
export async function* timeOps(
  ops: readonly OpCase[],
  { backend, limits, repeat, limitMs, options, signal, onProgress }: TimeOpsOptions,
): AsyncGenerator<Case> {
  const seconds = `${limitMs / 1000} s`;
  let macsPerMs = 0;
  for (const { op, macs, bytes } of bySize(ops)) {
    signal?.throwIfAborted();
    const { name, times } = op;
    const row: EngineRow = { engine: "tessera", detail: backend.description };
    const expectedMs = macsPerMs && (times * macs) / macsPerMs;
    if (expectedMs > limitMs)
      row.note = `left out: it would take ${(expectedMs / 1000).toFixed(0)} s or more, of ${seconds}`;
    else {
      onProgress?.(name);
      const deadline = AbortSignal.timeout(limitMs);
      const both = AbortSignal.any([deadline, ...(signal ? [signal] : [])]);
      const runner: Runner = { row, samples: [], run: (count) => several(count, () => timed(() => mine!.run())) };
      let mine: Resident | undefined;
      try {
        const { graph, weights, inputs } = opSubject(op);
        mine = await resident(graph, backend, inputs, { weights, options, signal: both });
        await sample([runner], times * macs, repeat, both, (round) => onProgress?.(`${name}: ${round}/${repeat}`));
      } catch (error) {
        signal?.throwIfAborted();
        const refused = [KernelError, OutOfMemoryError, RangeError].some((kind) => error instanceof kind);
        if (!refused && !deadline.aborted) throw error;
        if (!runner.samples.length)
          row.note = deadline.aborted ? `took more than ${seconds}` : firstLine(error as Error);
      } finally {
        mine?.dispose();
      }
      if (runner.samples.length) {
        row.time = timeSpent(runner.samples, times);
        Object.assign(row, ratesOf(row.time, row.time, macs, bytes, limits));
        const { medianMs } = row.time;
        if (times * medianMs > sampleMs) macsPerMs = Math.max(macsPerMs, macs / medianMs); // a short run says little
      }
    }
    yield { name, times, macs, bytes, engines: [row] };
  }
}

/** Those that only move memory first, by what they move; then by multiply-adds. */
function bySize(ops: readonly OpCase[]): { readonly op: OpCase; readonly macs: number; readonly bytes: number }[] {
  return ops
    .map((op) => {
      const one = op.build(1);
      return { op, macs: countMacs(one).total, bytes: bytesOf(one) };
    })
    .sort((a, b) => a.op.times * a.macs - b.op.times * b.macs || a.bytes - b.bytes);
}
