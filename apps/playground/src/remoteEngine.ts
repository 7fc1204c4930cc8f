import { proxy, wrap } from "comlink";
import type { Engine } from "./engine.ts";
import type { EngineMessages } from "./worker.ts";

/** The engine's calls, made from the page. */
export type RemoteEngine = Pick<Engine, "open" | "generate" | "edit">;

/** Starts the worker. Aborting a signal sends it a message; the call then rejects once the work has stopped. */
export function startEngine(): RemoteEngine {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "engine" });
  const remote = wrap<EngineMessages>(worker);
  const broken = new Promise<never>((_, reject) => {
    worker.onerror = ({ message }) =>
      reject(new Error(`The worker could not run${message ? `: ${message}` : ""}. Reload the page.`));
  });
  broken.catch(() => {});
  let calls = 0;

  async function call<T>(signal: AbortSignal, begin: (id: number) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const id = ++calls;
    const cancel = () => void remote.cancel(id);
    signal.addEventListener("abort", cancel);
    try {
      return await Promise.race([begin(id), broken]);
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  return {
    open: (request, watcher, signal) => call(signal, (id) => remote.open(id, request, proxy(watcher))),
    generate: (request, watcher, signal) => call(signal, (id) => remote.generate(id, request, proxy(watcher))),
    edit: (request, watcher, signal) => call(signal, (id) => remote.edit(id, request, proxy(watcher))),
  };
}
