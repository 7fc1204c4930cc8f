import { DeviceError, KernelError } from "../graph/errors.ts";
import { print } from "../graph/expr.ts";
import { label } from "../graph/print.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { OpName } from "../ops/opName.ts";
import type { Backend } from "../plan/backend.ts";
import { neededItems, neededShare } from "../plan/counted.ts";
import { assertBound, checkInputs, givenLength, isDeviceTensor, readInput, runHostNodes } from "../plan/inputs.ts";
import type { Kernel, Packing } from "../plan/kernel.ts";
import { toLogical, toPhysical } from "../plan/layout.ts";
import type { Call, Place, Plan } from "../plan/plan.ts";
import type { DeviceTensor, HostTensor, Program } from "../plan/program.ts";
import { WeightStore, type TakenWeights } from "../plan/weightStore.ts";
import { encodeModule, Fn } from "./asm.ts";
import { control, type WasmCaps, type WasmKernel } from "./kernel.ts";
import { LinearMemory } from "./linearMemory.ts";
import { cores, ownThread, threadPool, unitsApart } from "./pool.ts";
import * as kernels from "./ladders.ts";
import { relaxedSimd } from "./relaxedSimd.ts";
import { read } from "./simd.ts";

const ladders: Readonly<Record<OpName, readonly Kernel<WasmCaps>[]>> = kernels;

/** How often a run tells how far it is. */
const tellEveryMs = 50;

export interface WasmOptions {
  /** Threads that compute; the number of processors if not given. 0 computes in the calling thread. */
  readonly threads?: number;
  /** The most memory to use, in pages of 64 KiB: at most, and if not given, 65536 (4 GiB). */
  readonly memoryPages?: number;
}

/**
 * WebAssembly SIMD on threads, or in the calling thread where memory cannot be shared (a page that is not cross-origin
 * isolated). Kernels are emitted for the shapes of the plan. One backend owns one memory; its runs queue.
 */
export async function wasm({ threads = cores(), memoryPages = 65536 }: WasmOptions = {}): Promise<Backend<WasmCaps>> {
  const shared = threads > 0 && typeof SharedArrayBuffer !== "undefined";
  const heap = new LinearMemory(shared, memoryPages);
  const pool = shared ? threadPool(heap.memory, threads) : ownThread(heap.memory);
  const caps: WasmCaps = { threads: shared ? threads : 1, relaxedSimd: relaxedSimd(), unitsApart: unitsApart() };
  const store = new WeightStore<number>((address) => heap.free(address));
  let programs = 0;
  let disposed = false;
  let queue: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const enqueue = <T>(work: () => Promise<T>): Promise<T> => {
    waiting++;
    const next = queue.then(work).finally(() => waiting--);
    queue = next.catch(() => {});
    return next;
  };

  async function record(
    plan: Plan,
    weights: Parameters<Backend["record"]>[1],
    { signal, onProgress, bound = {} }: Parameters<Backend["record"]>[2] = {},
  ): Promise<Program> {
    if (disposed) throw new DeviceError("record: this wasm backend has been disposed.");
    const id = programs++;
    const onKernel = (done: number, total: number) => onProgress?.({ phase: "kernels", done, total });
    const { functions, nameOf } = emitFunctions(plan, onKernel);
    const module = await WebAssembly.compile(encodeModule(functions, heap));
    const owned: number[] = [];
    const allocate = (bytes: number, what: string) => {
      const address = heap.allocate(bytes, what);
      owned.push(address);
      return address;
    };
    let taken: TakenWeights<number> | undefined;
    const release = () => {
      owned.splice(0).forEach((address) => heap.free(address));
      taken?.release();
    };
    try {
      const blocks = plan.memory.blocks.map((bytes) => allocate(bytes, "activations"));
      const scratchBytes =
        256 *
        Math.ceil(
          Math.max(0, ...plan.calls.map(({ kernel, node }) => wasmKernel(kernel).threadBytes?.(node, caps) ?? 0)) / 256,
        );
      const scratch = allocate(scratchBytes * caps.threads, "the threads' scratch");
      const counters = allocate(8 * plan.calls.length, "counters");
      const times = allocate(8 * plan.calls.length, "times");
      const blockCounts = allocate(4 * plan.calls.length, "block counts");
      const boundAt = new Map(Object.entries(bound).map(([name, t]) => [name, addressIn(heap, name, t)]));
      const address = (place: Place) => {
        if (place.kind === "bound") return boundAt.get(place.name)!;
        return place.kind === "weight" ? taken!.at(place.key) : blocks[place.block] + place.offset;
      };
      const put = ({ key }: { key: string }, bytes: Uint8Array) => {
        const at = heap.allocate(bytes.length, `weight ${key}`);
        heap.bytes(at, bytes.length).set(bytes);
        return at;
      };
      taken = await store.take(plan, weights, put, { signal, onProgress });
      const items = plan.calls.map((call) => wasmKernel(call.kernel).items(call.node, caps));
      const groups = plan.calls.map((call, i) => wasmKernel(call.kernel).ordered?.(call.node, caps) ?? items[i]);
      const calls = plan.calls.map((call, i) => ({
        run: nameOf.get(call)!,
        before: [address(call.result), scratch],
        after: [...Object.values(call.operands).map(address), ...(call.list ? [blockCounts + 4 * i] : [])],
      }));
      await enqueue(() => pool.load(id, { module, calls, counters, times, scratchBytes }));

      const inMemory = (t: Tensor, place = plan.place(t)): WasmTensor => ({
        shape: t.shape,
        dtype: t.dtype,
        heap,
        get address() {
          if (!owned.length) throw new DeviceError("read: the program that made this tensor has been disposed.");
          return address(place);
        },
        async read() {
          return toLogical(heap.floats(this.address, t.elements).slice(), t.shape);
        },
      });
      const load = async (t: Tensor, given: HostTensor | DeviceTensor) => {
        const to = address(plan.place(t));
        if (boundAt.has(t.path))
          return assertBound(t.path, isDeviceTensor(given) && isOf(heap, given) && given.address === to);
        if (isDeviceTensor(given) && isOf(heap, given) && t.dtype === "f32" && given.shape.join() === t.shape.join())
          return heap.floats(to, t.elements).set(heap.floats(given.address, t.elements));
        const numbers = toPhysical(await readInput(t, given), t.shape);
        (t.dtype === "i32" ? heap.ints(to, t.elements) : heap.floats(to, t.elements)).set(numbers);
      };
      const run: Program["run"] = (inputs, { signal, onProgress, onTimes } = {}) =>
        enqueue(async () => {
          if (!owned.length) throw new DeviceError("run: this program has been disposed.");
          checkInputs(plan.graph, inputs);
          signal?.throwIfAborted();
          for (const [name, t] of plan.graph.inputs) await load(t, inputs[name]);
          await runHostNodes(plan.host, inputs, (node, values) =>
            heap.floats(address(plan.place(node)), node.elements).set(toPhysical(values, node.shape)),
          );
          const cells = heap.ints(counters, 2 * plan.calls.length);
          const counts = heap.ints(blockCounts, plan.calls.length);
          plan.calls.forEach(({ node, kernel, list }, i) => {
            const share = neededShare(list, (name) => givenLength(inputs[name]));
            const { itemsOf } = wasmKernel(kernel);
            cells[2 * i] = 0;
            if (!list || !itemsOf) cells[2 * i + 1] = neededItems(items[i], groups[i], share);
            if (!list) return;
            const [most] = list.shape;
            counts[i] = Math.round(share * most);
            if (itemsOf) cells[2 * i + 1] = counts[i] && itemsOf(node, caps, counts[i], most);
          });
          const ends = () => heap.doubles(times, plan.calls.length);
          ends().fill(0);
          const tell = () => onProgress!(ends().findLastIndex((end) => end > 0) + 1, plan.calls.length);
          const telling = onProgress && setInterval(tell, tellEveryMs);
          const failure = await pool.run(id, signal).finally(() => clearInterval(telling));
          if (failure) throw explain(plan.calls[failure.call], failure.message, heap.ints(0, 4)[control.fault]);
          signal?.throwIfAborted();
          onProgress?.(plan.calls.length, plan.calls.length);
          if (onTimes) {
            const at = ends();
            onTimes([...at].map((end, i) => end - (at[i - 1] ?? 0)));
          }
          return Object.fromEntries([...plan.graph.outputs].map(([name, t]) => [name, inMemory(t)]));
        });
      return {
        plan,
        run,
        dispose() {
          if (!owned.length) return;
          const addresses = owned.splice(0);
          const end = () => {
            pool.drop(id);
            addresses.forEach((address) => heap.free(address));
            taken?.release();
          };
          // A run that has begun keeps its memory to its end.
          if (waiting) void enqueue(async () => end());
          else end();
        },
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  return {
    name: "wasm",
    description: `WebAssembly ${caps.relaxedSimd ? "relaxed " : ""}SIMD, ${shared ? `${threads} threads` : "the calling thread"}`,
    caps,
    maxBindings: Infinity,
    memoryUnit: "offsets",
    ladders,
    get liveBytes() {
      return heap.liveBytes;
    },
    record,
    async dispose() {
      disposed = true;
      await queue;
      await pool.end();
    },
  };
}

interface WasmTensor extends DeviceTensor {
  readonly heap: LinearMemory;
  readonly address: number;
}
const isOf = (heap: LinearMemory, t: DeviceTensor): t is WasmTensor => "heap" in t && t.heap === heap;

function addressIn(heap: LinearMemory, name: string, t: DeviceTensor): number {
  if (isOf(heap, t)) return t.address;
  throw new DeviceError(`record: ${name} cannot be bound to a tensor of another backend.`);
}

const wasmKernel = (kernel: Call["kernel"]) => kernel as unknown as WasmKernel;

/** One function per distinct call: kernel, shapes, attributes, packings and epilogue. */
export function emitFunctions(plan: Plan, onKernel?: (done: number, total: number) => void) {
  const caps: WasmCaps = { ...plan.context.caps, relaxedSimd: plan.context.caps.relaxedSimd && plan.options.fma };
  const packingAt = new Map<string, Packing>(plan.weights.map(({ key, packing }) => [key, packing]));
  const byKey = new Map<string, Call[]>();
  for (const call of plan.calls) {
    const { node, kernel, operands, list } = call;
    const key = JSON.stringify([
      kernel.name,
      list?.shape[0],
      { ...node.attrs, label: undefined },
      node.shape,
      node.reads.map((t) => t.shape),
      Object.values(operands).map((place) => (place.kind === "weight" ? packingAt.get(place.key)!.name : "")),
      node.epilogue ? print(node.epilogue.expr) : "",
    ]);
    byKey.set(key, [...(byKey.get(key) ?? []), call]);
  }
  const nameOf = new Map<Call, string>();
  const functions: Fn[] = [];
  for (const calls of byKey.values()) {
    const f = emitCall(calls[0], caps, packingAt, `${calls[0].kernel.name}#${functions.length}`);
    for (const call of calls) nameOf.set(call, f.name);
    functions.push(f);
    onKernel?.(functions.length, byKey.size);
  }
  return { functions, nameOf };
}

/** The function of one call: (result, scratch, begin, end, operands …, and where the number of blocks is, if counted). */
export function emitCall(call: Call, caps: WasmCaps, packingAt: ReadonlyMap<string, Packing>, name: string): Fn {
  const { node, kernel, operands, list } = call;
  const names = Object.keys(operands);
  const params = ["result", "scratch", "begin", "end", ...names, ...(list ? ["blocks"] : [])];
  const f = new Fn(name, params, caps.relaxedSimd, caps.relaxedSimd && !caps.unitsApart);
  const [result, scratch, begin, end, ...rest] = f.params;
  const packings: Record<string, Packing> = {};
  for (const [name, place] of Object.entries(operands))
    if (place.kind === "weight") packings[name] = packingAt.get(place.key)!;
  wasmKernel(kernel).emit({
    f,
    node,
    dims: node.op.dims(node),
    caps,
    packings,
    operand: (name) => rest[names.indexOf(name)],
    result,
    scratch,
    blocks: list && { given: read.i32(rest[names.length]), most: list.shape[0] },
    begin,
    end,
    fail(value) {
      f.store(0, value, 4 * control.fault);
      f.trap();
    },
  });
  return f;
}

function explain({ node, kernel }: Call, message: string, fault: number): Error {
  const said = /unreachable/i.test(message) ? wasmKernel(kernel).fault?.(node, fault) : undefined;
  return new KernelError(`${label(node)} at ${node.path}: ${said ?? `${kernel.name} stopped: ${message}`}`);
}
