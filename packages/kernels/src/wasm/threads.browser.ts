import type { FromThread } from "./thread.js";
import type { Thread } from "./pool.ts";

/** Processors of this machine, as far as the browser tells. */
export const cores = (): number => navigator.hardwareConcurrency || 1;

/** See `WasmCaps`: browsers do not tell. */
export const unitsApart = (): boolean => false;

/** Starts a thread. */
export function spawn(onAnswer: (answer: FromThread) => void, onError: (error: Error) => void): Thread {
  const worker = new Worker(new URL("./thread.browser.js", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data }) => onAnswer(data));
  worker.addEventListener("error", ({ message }) => onError(new Error(message)));
  return {
    post: (message) => worker.postMessage(message),
    busy: () => {},
    end: async () => worker.terminate(),
  };
}
