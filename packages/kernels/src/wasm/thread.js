// What a thread of the wasm backend runs. Plain JavaScript, so that it loads unchanged from sources, from a build and
// through a bundler.

/**
 * @typedef {object} ThreadCall One kernel of a program.
 * @property {string} run the exported function
 * @property {number[]} before its arguments before the item range: result, scratch of thread 0
 * @property {number[]} after its operands
 */
/**
 * @typedef {object} ThreadProgram
 * @property {WebAssembly.Module} module
 * @property {ThreadCall[]} calls
 * @property {number} counters address of two cells per call: where threads take items from, and how many there are
 * @property {number} times address of a float64 per call: milliseconds from the run's begin to the call's end
 * @property {number} scratchBytes scratch memory of each thread
 */
/** @typedef {{ type: "start", memory: WebAssembly.Memory, index: number, threads: number }
 *   | { type: "load", id: number, program: ThreadProgram }
 *   | { type: "run", id: number, began: number }
 *   | { type: "drop", id: number }} ToThread */
/** @typedef {{ type: "loaded" } | { type: "done" } | { type: "failed", call: number, message: string }} FromThread */

/** Cells at the start of memory; see `control` in kernel.ts. */
const STOP = 1;
const ARRIVALS = 2;
/** More than all arrivals of a run, so that nobody waits any more. */
const ABORT = 1 << 24;
/**
 * How long a thread looks for the others before it sleeps: to fall asleep and be woken takes as long, and calls that
 * follow each other end within less.
 */
const SPIN_MS = 0.05;

/**
 * Ends the current run of all threads, wherever they wait.
 * @param {Int32Array} cells
 */
export function abort(cells) {
  Atomics.store(cells, STOP, 1);
  Atomics.add(cells, ARRIVALS, ABORT);
  Atomics.notify(cells, ARRIVALS);
}

/**
 * How many items to take at a time.
 * @param {number} items
 * @param {number} threads
 */
export const grainOf = (items, threads) => Math.max(1, Math.floor(items / (threads * 32)));

/**
 * The calls of a program as functions of an item range.
 * @param {ThreadProgram} program
 * @param {WebAssembly.Memory} memory
 * @param {number} index
 * @returns {((begin: number, end: number) => void)[]}
 */
export function link({ module, calls, scratchBytes }, memory, index) {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return calls.map(({ run, before: [result, scratch], after }) => {
    const kernel = /** @type {(...numbers: number[]) => void} */ (exports[run]);
    const own = scratch + index * scratchBytes;
    return (begin, end) => kernel(result, own, begin, end, ...after);
  });
}

/**
 * Answers messages until the thread is ended. Between runs it sleeps in its event loop.
 * @param {(answer: FromThread) => void} post
 * @returns {(message: ToThread) => void}
 */
export function serve(post) {
  /** @type {WebAssembly.Memory} */
  let memory;
  /** @type {Int32Array} */
  let cells;
  let index = 0;
  let threads = 0;
  /** @type {Map<number, { program: ThreadProgram, kernels: ((begin: number, end: number) => void)[] }>} */
  const programs = new Map();

  /**
   * Waits until every thread has come to its meeting number `count` of this run.
   * @param {number} count
   */
  function meet(count) {
    const target = threads * count;
    if (Atomics.add(cells, ARRIVALS, 1) + 1 === target) return void Atomics.notify(cells, ARRIVALS);
    const asleep = performance.now() + SPIN_MS;
    do for (let look = 0; look < 50; look++) if (Atomics.load(cells, ARRIVALS) >= target) return;
    while (performance.now() < asleep);
    for (let seen; (seen = Atomics.load(cells, ARRIVALS)) < target;) Atomics.wait(cells, ARRIVALS, seen);
  }

  /**
   * @param {number} id
   * @param {number} began milliseconds since 1970
   */
  function run(id, began) {
    const { program, kernels } = /** @type {NonNullable<ReturnType<typeof programs.get>>} */ (programs.get(id));
    // Memory may have grown since the last run.
    cells = new Int32Array(memory.buffer);
    const times = new Float64Array(memory.buffer, program.times, kernels.length);
    // Not when this thread begins: others may be at work by then.
    const start = began - performance.timeOrigin;
    let call = 0;
    try {
      for (; call < kernels.length; call++) {
        const counter = (program.counters >>> 2) + 2 * call;
        const items = cells[counter + 1];
        const grain = grainOf(items, threads);
        for (let begin; (begin = Atomics.add(cells, counter, grain)) < items;) {
          if (Atomics.load(cells, STOP)) return post({ type: "done" });
          kernels[call](begin, Math.min(begin + grain, items));
        }
        meet(call + 1);
        if (index === 0) times[call] = performance.now() - start;
        if (Atomics.load(cells, STOP)) break;
      }
      post({ type: "done" });
    } catch (error) {
      abort(cells);
      post({ type: "failed", call, message: String(error) });
    }
  }

  return (message) => {
    if (message.type === "start") ({ memory, index, threads } = message);
    else if (message.type === "drop") programs.delete(message.id);
    else if (message.type === "run") run(message.id, message.began);
    else {
      const { id, program } = message;
      programs.set(id, { program, kernels: link(program, memory, index) });
      post({ type: "loaded" });
    }
  };
}
