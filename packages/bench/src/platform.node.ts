import { once } from "node:events";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { commitOf } from "./node/commitOf.ts";
import type { ProbeSpan, ProbeThread } from "./limits.ts";
import type { Machine } from "./result.ts";

/** This machine now, for the head of a result. */
export async function machine(backend: string): Promise<Machine> {
  const [load] = loadavg();
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
    load: Math.round(100 * load) / 100,
    commit: await commitOf(fileURLToPath(new URL("..", import.meta.url))),
    backend,
  };
}

/** Processors of this machine. */
export const cores = (): number => availableParallelism();

/** Milliseconds of all threads of this process. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** A thread that measures what one processor can do. */
export function startProbe(codes: readonly Uint8Array[]): ProbeThread {
  const worker = new Worker(new URL("./probe.node.js", import.meta.url), { workerData: codes, execArgv: [] });
  return {
    async measure(work) {
      worker.postMessage(work);
      const [span] = (await once(worker, "message")) as [ProbeSpan];
      return span;
    },
    end: async () => void (await worker.terminate()),
  };
}
