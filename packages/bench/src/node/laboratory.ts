import type { Backend } from "@tessera/kernels";
import { loadStableDiffusion, type StableDiffusion } from "@tessera/pipelines";
import { openCheckpoint } from "@tessera/pipelines/node";
import { memorySource, type WeightSource } from "@tessera/safetensors";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import type { Laboratory, Settings } from "../experiments/experiment.ts";
import { limitsOf } from "../limits.ts";
import type { Limits } from "../result.ts";

export interface LaboratoryOptions extends Settings {
  readonly backend: Backend;
  readonly threads?: number;
  /** The townscapes checkpoint, and its evaluation network. */
  readonly model: string;
  readonly evalnet: string;
  readonly signal: AbortSignal;
  say(what: string): void;
}

interface Disposable {
  dispose(): void;
}

/** A laboratory on this machine; `close` frees what was opened, but not the backend. */
export function openLaboratory(options: LaboratoryOptions): { laboratory: Laboratory; close(): Promise<void> } {
  const { backend, quick, pictures, signal, model, evalnet, threads = availableParallelism(), say } = options;
  const made = new Map<string, Promise<unknown>>();
  const opened: (() => void | Promise<void>)[] = [];
  const once = <T>(key: string, make: () => Promise<T>): Promise<T> => {
    if (!made.has(key)) made.set(key, make());
    return made.get(key) as Promise<T>;
  };
  const laboratory: Laboratory = {
    backend,
    quick,
    pictures,
    signal,
    say,
    once,
    townscapes: () =>
      once("townscapes", async (): Promise<StableDiffusion> => {
        const checkpoint = await openCheckpoint(model);
        opened.push(() => checkpoint.close());
        return loadStableDiffusion(checkpoint, backend, { signal });
      }),
    evalnet: () => once("evalnet", async (): Promise<WeightSource> => memorySource(await readFile(evalnet))),
    limits: () => once("limits", async (): Promise<Limits> => limitsOf(backend, threads, quick ? 4 : 12)),
  };
  return {
    laboratory,
    async close() {
      for (const thing of await Promise.allSettled(made.values()))
        if (thing.status === "fulfilled") (thing.value as Partial<Disposable>)?.dispose?.();
      for (const end of opened.toReversed()) await end();
    },
  };
}
