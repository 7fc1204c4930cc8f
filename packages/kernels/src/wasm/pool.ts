import { cores, spawn, unitsApart } from "#threads";
import { DeviceError } from "../graph/errors.ts";
import { control } from "./kernel.ts";
import { abort, grainOf, link, type FromThread, type ThreadProgram, type ToThread } from "./thread.js";

export { cores, unitsApart };

export interface Thread {
  post(message: ToThread): void;
  /** Whether the process must stay alive for it. */
  busy(busy: boolean): void;
  end(): Promise<void>;
}

/** Why a run stopped early: which call, and what its thread said. */
export interface Failure {
  readonly call: number;
  readonly message: string;
}

/** Something that runs linked programs: threads, or the caller's own. */
export interface Pool {
  load(id: number, program: ThreadProgram): Promise<void>;
  /** Runs all calls. Resolves early if `signal` is aborted; resolves to the failure if there is one. */
  run(id: number, signal?: AbortSignal): Promise<Failure | undefined>;
  drop(id: number): void;
  end(): Promise<void>;
}

/** `count` threads that do all the work, while the caller's event loop stays free. */
export function threadPool(memory: WebAssembly.Memory, count: number): Pool {
  let answers: FromThread[] = [];
  let settle: { resolve(answers: FromThread[]): void; reject(error: Error): void } | undefined;
  let broken: DeviceError | undefined;
  let ending = false;
  const onAnswer = (answer: FromThread) => {
    answers.push(answer);
    if (answers.length === count) settle?.resolve(answers);
  };
  const onError = (error: Error) => {
    if (ending) return;
    broken = new DeviceError(`wasm: ${error.message}`);
    abort(new Int32Array(memory.buffer, 0, control.bytes / 4));
    settle?.reject(broken);
  };
  const threads = Array.from({ length: count }, () => spawn(onAnswer, onError));
  threads.forEach((thread, index) => thread.post({ type: "start", memory, index, threads: count }));

  /** Sends a message to all threads and waits for all answers. One at a time: the backend queues. */
  async function ask(message: ToThread): Promise<FromThread[]> {
    if (broken) throw broken;
    answers = [];
    for (const thread of threads) thread.busy(true);
    try {
      return await new Promise<FromThread[]>((resolve, reject) => {
        settle = { resolve, reject };
        for (const thread of threads) thread.post(message);
      });
    } finally {
      settle = undefined;
      for (const thread of threads) thread.busy(false);
    }
  }

  return {
    load: async (id, program) => void (await ask({ type: "load", id, program })),
    async run(id, signal) {
      const cells = new Int32Array(memory.buffer, 0, control.bytes / 4);
      cells[control.stop] = 0;
      cells[control.arrivals] = 0;
      const cancel = () => abort(cells);
      signal?.addEventListener("abort", cancel);
      try {
        return (await ask({ type: "run", id, began: performance.timeOrigin + performance.now() })).find(
          (answer) => answer.type === "failed",
        );
      } finally {
        signal?.removeEventListener("abort", cancel);
      }
    },
    drop: (id) => threads.forEach((thread) => thread.post({ type: "drop", id })),
    async end() {
      ending = true;
      await Promise.all(threads.map((thread) => thread.end()));
    },
  };
}

/** How long the calling thread computes before it lets its event loop turn. */
const SLICE_MS = 8;

/** The calling thread itself, where memory cannot be shared. It returns to the event loop every few milliseconds. */
export function ownThread(memory: WebAssembly.Memory): Pool {
  const programs = new Map<number, ThreadProgram & { kernels: ReturnType<typeof link> }>();
  return {
    async load(id, program) {
      programs.set(id, { ...program, kernels: link(program, memory, 0) });
    },
    async run(id, signal) {
      const { counters, times, kernels } = programs.get(id)!;
      const cells = new Int32Array(memory.buffer, counters, 2 * kernels.length);
      const ends = new Float64Array(memory.buffer, times, kernels.length);
      const start = performance.now();
      let slice = start;
      for (let call = 0; call < kernels.length; call++) {
        const items = cells[2 * call + 1];
        const grain = grainOf(items, 1);
        for (let begin = 0; begin < items; begin += grain) {
          try {
            kernels[call](begin, Math.min(begin + grain, items));
          } catch (error) {
            return { call, message: String(error) };
          }
          if (performance.now() - slice < SLICE_MS) continue;
          await new Promise<void>((resolve) => setTimeout(resolve, 0));
          if (signal?.aborted) return;
          slice = performance.now();
        }
        ends[call] = performance.now() - start;
      }
      return undefined;
    },
    drop: (id) => void programs.delete(id),
    async end() {},
  };
}
