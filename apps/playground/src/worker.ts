import { expose, releaseProxy, transfer, type Remote } from "comlink";
import { Engine, type Watcher } from "./engine.ts";

/** What the page may ask the engine for: each takes a request, a watcher and a signal. */
export type Method = "open" | "generate" | "edit" | "measure";

/** The engine as seen from the page: signals do not cross threads, so a call has a number by which it is cancelled. */
export interface EngineMessages {
  call(id: number, method: Method, request: unknown, watcher: Watcher): Promise<unknown>;
  cancel(id: number): void;
}

const engine = new Engine();
const running = new Map<number, AbortController>();

expose({
  /** Runs a call that `cancel` can find; lets go of the page's callbacks afterwards. */
  async call(id, method, request, watcher) {
    const remote = watcher as Remote<Watcher>;
    const abort = new AbortController();
    running.set(id, abort);
    const local: Watcher = {
      progress: (progress) => void remote.progress(progress),
      preview: (preview) => void remote.preview(transfer(preview, [preview.data.buffer])),
      measured: (result) => remote.measured(result), // waited for, so that none comes after the end
    };
    try {
      return await engine[method](request as never, local, abort.signal);
    } finally {
      running.delete(id);
      remote[releaseProxy]();
    }
  },
  cancel: (id) => running.get(id)?.abort(),
} satisfies EngineMessages);
