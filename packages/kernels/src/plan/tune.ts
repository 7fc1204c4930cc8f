import { memorySource } from "@tessera/safetensors";
import { KernelError, OutOfMemoryError } from "../graph/errors.ts";
import { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { scale } from "../ops/pointwise/index.ts";
import type { Options } from "../options.ts";
import type { Backend, RecordOptions } from "./backend.ts";
import type { Kernel, KernelContext, WeightDtype } from "./kernel.ts";
import { plan, type Call, type Plan } from "./plan.ts";
import type { DeviceTensor, HostTensor, Program } from "./program.ts";
import { isOff } from "./selectKernels.ts";
import { tuningKey, type Measured, type Tuning } from "./tuning.ts";

/** Runs once and returns the milliseconds that it took. */
export type Runner = () => Promise<number>;

/** How long a race goes on: rounds until this time is over, but at least so many and at most so many. */
const limits = { ms: 200, fewest: 3, most: 20 };

/**
 * Times runners in turns, so that whatever else the machine does hits all alike. The first round warms up; after each of
 * the others, whoever takes over twice as long as the fastest is out. Returns the median milliseconds of each.
 */
export async function race(
  runners: ReadonlyMap<string, Runner>,
  now: () => number = () => performance.now(),
): Promise<Record<string, number>> {
  for (const run of runners.values()) await run();
  const samples = new Map([...runners.keys()].map((name) => [name, [] as number[]]));
  const running = new Set(runners.keys());
  const start = now();
  for (let round = 1; round <= limits.most && (round <= limits.fewest || now() - start < limits.ms); round++) {
    for (const name of running) samples.get(name)!.push(await runners.get(name)!());
    const best = Math.min(...[...running].map((name) => median(samples.get(name)!)));
    for (const name of running) if (median(samples.get(name)!) > 2 * best) running.delete(name);
    if (running.size === 1) break;
  }
  return Object.fromEntries([...samples].map(([name, times]) => [name, median(times)]));
}

/** The fastest, or `rule`'s choice unless another is faster by more than a twentieth, which may be chance. */
export function fastest(ms: Readonly<Record<string, number>>, rule: string): string {
  const [best] = Object.keys(ms).sort((a, b) => ms[a] - ms[b]);
  return rule in ms && ms[best] > 0.95 * ms[rule] ? rule : best;
}

/**
 * Times, for each op, shape and storage of a plan that was not timed yet, the kernels of its ladder that could run it, and
 * keeps the fastest. Kernels that are less exact or only a last resort are left out, and so are those that would take more
 * memory for weights and scratch than the rule's choice and the node's own tensors: tuning trades neither for speed.
 * Stopped or failed, it keeps what it has.
 */
export async function tune(
  { calls, context, options }: Plan,
  backend: Backend,
  tuning: Tuning,
  { signal, onProgress }: RecordOptions = {},
): Promise<void> {
  const contests = new Map<string, { readonly call: Call; readonly kernels: readonly Kernel[] }>();
  for (const call of calls) {
    const key = tuningKey(call.node, context);
    if (contests.has(key) || tuning.get(key)) continue;
    const kernels = candidates(call, backend.ladders[call.node.op.name], context, options);
    if (kernels.length > 1) contests.set(key, { call, kernels });
  }
  let done = 0;
  try {
    for (const [key, { call, kernels }] of contests) {
      onProgress?.({ phase: "tuning", done: done++, total: contests.size });
      tuning.set(key, await measure(call, kernels, { backend, context, options, signal }));
    }
    if (done) onProgress?.({ phase: "tuning", done, total: contests.size });
  } finally {
    await tuning.save();
  }
}

/** The kernels that may be timed against the one that the rule chose, which comes first. */
function candidates(
  { node, kernel: rule }: Call,
  ladder: readonly Kernel[],
  context: KernelContext<unknown>,
  options: Options,
): Kernel[] {
  const bytes = (kernel: Kernel): number => {
    const packings = kernel.packings?.(node, context) ?? {};
    const weights = Object.entries(node.inputs).filter(([, t]) => context.isParam(t));
    return [
      ...weights.map(([name, t]) => packings[name]?.bytes(t.shape) ?? 4 * t.elements),
      ...Object.values(kernel.scratch?.(node, context) ?? {}),
    ].reduce((sum, b) => sum + b, 0);
  };
  const own = [node, ...Object.values(node.inputs).filter((t) => !context.isParam(t))];
  const most = bytes(rule) + own.reduce((sum, t) => sum + 4 * t.elements, 0);
  const others = ladder.filter(
    (kernel) =>
      kernel !== rule &&
      kernel.untuned === undefined &&
      !isOff(kernel.name, options) &&
      kernel.accepts(node, context) === true &&
      bytes(kernel) <= most,
  );
  return [rule, ...others];
}

interface Setting {
  readonly backend: Backend;
  readonly context: KernelContext<unknown>;
  readonly options: Options;
  readonly signal?: AbortSignal;
}

/** A race of kernels on a node by itself, its inputs on the device already. */
async function measure(
  { node }: Call,
  [rule, ...others]: readonly Kernel[],
  { backend, context, options, signal }: Setting,
): Promise<Measured> {
  const { graph, stored } = alone(node, context);
  const weights = memorySource(
    Object.fromEntries(
      [...graph.params].map(([name, { shape, elements }]) => [name, { dtype: "F32", shape, data: noise(elements) }]),
    ),
  );
  const programs: Program[] = [];
  const record = async (graph: Graph, options: Options, bound: Record<string, DeviceTensor> = {}) => {
    const target = { caps: backend.caps, ladders: backend.ladders, memoryUnit: backend.memoryUnit };
    const program = await backend.record(plan(graph, target, options, stored, Object.keys(bound)), weights, {
      signal,
      bound,
    });
    programs.push(program);
    return program;
  };
  try {
    const feeder = new Graph();
    const given: Record<string, HostTensor> = {};
    for (const [name, { shape, dtype, elements }] of graph.inputs) {
      given[name] = dtype === "i32" ? new Int32Array(elements) : new Float32Array(noise(elements).buffer);
      if (dtype === "f32") feeder.output(name, scale(feeder.input(name, shape), 1));
    }
    const fed = Object.fromEntries([...feeder.inputs.keys()].map((name) => [name, given[name]]));
    const bound = feeder.inputs.size ? await (await record(feeder, options)).run(fed, { signal }) : {};
    const runners = new Map<string, Runner>();
    for (const kernel of [rule, ...others]) {
      const off = backend.ladders[node.op.name].filter(({ name }) => name !== kernel.name);
      const kernels = Object.fromEntries(off.map(({ name }) => [name, false]));
      try {
        const program = await record(graph, { ...options, kernels }, bound);
        runners.set(kernel.name, async () => {
          signal?.throwIfAborted();
          let device: number | undefined;
          const start = performance.now();
          await program.run({ ...given, ...bound }, { signal, onTimes: ([ms]) => (device = ms) });
          return device ?? performance.now() - start;
        });
      } catch (error) {
        // What does not fit beside the others is not the kernel to take.
        if (!(error instanceof OutOfMemoryError || error instanceof KernelError)) throw error;
      }
    }
    const ms = await race(runners);
    return { kernel: fastest(ms, rule.name), ms };
  } finally {
    for (const program of programs.toReversed()) program.dispose();
  }
}

/** A graph of a node and nothing else, and how its parameters are stored. */
function alone(node: Tensor, { isParam, weightDtype }: KernelContext<unknown>) {
  const graph = new Graph();
  const storage = new Map<string, WeightDtype>();
  const inputs = Object.fromEntries(
    Object.entries(node.inputs).map(([name, t]) => {
      if (!isParam(t)) return [name, graph.input(name, t.shape, t.dtype)];
      storage.set(name, weightDtype(t));
      return [name, graph.param(name, t.shape)];
    }),
  );
  graph.output("y", graph.apply(node.op, inputs, node.attrs));
  return { graph, stored: ({ path }: Tensor) => storage.get(path) ?? "f32" };
}

/** Bytes of numbers around zero, none of them tiny: processors are slow at those. */
function noise(count: number): Uint8Array<ArrayBuffer> {
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = ((i * 7919) % 1009) / 1009 - 0.4996;
  return new Uint8Array(numbers.buffer);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
