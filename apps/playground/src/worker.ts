import { expose, releaseProxy, transfer, type Remote } from "comlink";
import type { EditResult } from "@tessera/pipelines";
import type { EditRequest } from "./editDesk.ts";
import { Engine, type Device, type GenerateRequest, type OpenRequest, type Picture, type Watcher } from "./engine.ts";

/** The engine as seen from the page: signals do not cross threads, so a call has a number by which it is cancelled. */
export interface EngineMessages {
  open(id: number, request: OpenRequest, watcher: Watcher): Promise<Device>;
  generate(id: number, request: GenerateRequest, watcher: Watcher): Promise<Picture>;
  edit(id: number, request: EditRequest, watcher: Watcher): Promise<EditResult>;
  cancel(id: number): void;
}

const engine = new Engine();
const running = new Map<number, AbortController>();

/** Runs a call that `cancel` can find; lets go of the page's callbacks afterwards. */
async function cancellable<T>(
  id: number,
  watcher: Watcher,
  work: (watcher: Watcher, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const remote = watcher as Remote<Watcher>;
  const abort = new AbortController();
  running.set(id, abort);
  const local: Watcher = {
    progress: (progress) => void remote.progress(progress),
    preview: (preview) => void remote.preview(transfer(preview, [preview.data.buffer])),
  };
  try {
    return await work(local, abort.signal);
  } finally {
    running.delete(id);
    remote[releaseProxy]();
  }
}

expose({
  open: (id, request, watcher) => cancellable(id, watcher, (...rest) => engine.open(request, ...rest)),
  generate: (id, request, watcher) => cancellable(id, watcher, (...rest) => engine.generate(request, ...rest)),
  edit: (id, request, watcher) => cancellable(id, watcher, (...rest) => engine.edit(request, ...rest)),
  cancel: (id) => running.get(id)?.abort(),
} satisfies EngineMessages);
