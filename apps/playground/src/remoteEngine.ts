import { proxy, wrap } from "comlink";
import type { Engine } from "./engine.ts";
import type { EngineMessages, Method } from "./worker.ts";

/** The engine's calls, made from the page. */
export type RemoteEngine = Pick<Engine, Method>;

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

  const call =
    <M extends Method>(method: M) =>
    async (...[request, watcher, signal]: Parameters<Engine[M]>): Promise<Awaited<ReturnType<Engine[M]>>> => {
      signal.throwIfAborted();
      const id = ++calls;
      const cancel = () => void remote.cancel(id);
      signal.addEventListener("abort", cancel);
      try {
        const result = remote.call(id, method, request, proxy(watcher));
        return (await Promise.race([result, broken])) as Awaited<ReturnType<Engine[M]>>;
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    };

  return { open: call("open"), generate: call("generate"), edit: call("edit"), measure: call("measure") };
}
