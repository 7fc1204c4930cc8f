import { availableParallelism, cpus } from "node:os";
import { Worker } from "node:worker_threads";
import type { FromThread } from "./thread.js";
import type { Thread } from "./pool.ts";

/** Processors of this machine. */
export const cores = (): number => availableParallelism();

/** See `WasmCaps`: AMD's, measured on Zen 5. */
export const unitsApart = (): boolean => cpus().some(({ model }) => model.startsWith("AMD"));

/** Starts a thread. It keeps the process alive only while `busy`. */
export function spawn(onAnswer: (answer: FromThread) => void, onError: (error: Error) => void): Thread {
  const worker = new Worker(new URL("./thread.node.js", import.meta.url), { execArgv: [] });
  worker.on("message", onAnswer);
  worker.on("error", onError);
  worker.on("exit", () => onError(new Error("a thread of the wasm backend has ended.")));
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    busy: (busy) => (busy ? worker.ref() : worker.unref()),
    end: async () => void (await worker.terminate()),
  };
}
