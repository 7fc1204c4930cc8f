import type { WeightSource } from "@tessera/safetensors";
import { DeviceError, KernelError } from "../graph/errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { RecordOptions } from "../plan/backend.ts";
import { neededItems, neededShare } from "../plan/counted.ts";
import { assertBound, checkInputs, givenLength, readInput, runHostNodes } from "../plan/inputs.ts";
import { toPhysical } from "../plan/layout.ts";
import type { PackedWeight, Place, Plan } from "../plan/plan.ts";
import type { DeviceTensor, HostTensor, Program, RunOptions } from "../plan/program.ts";
import type { TakenWeights } from "../plan/weightStore.ts";
import { usage, type DeviceContext } from "./deviceContext.ts";
import { Stopwatch } from "./stopwatch.ts";
import { WebgpuTensor, type BufferRange } from "./webgpuTensor.ts";
import type { Shader, WgslKernel } from "./wgslKernel.ts";

/** A pipeline with its buffers and its grid. */
interface Launch extends Pick<Shader, "workgroups" | "total" | "group" | "before"> {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  /** Which of the plan's calls it belongs to. */
  readonly call: number;
  readonly list: Tensor | undefined;
  /** What it costs, in multiply-adds. */
  readonly work: number;
}

type Inputs = Readonly<Record<string, HostTensor | DeviceTensor>>;

const launchesPerSubmit = 64;
const bytesPerFlush = 64 * 2 ** 20;
/** What moving a byte costs in multiply-adds where both are slow: 40 G of the one and 10 G of the other a second. */
const macsPerByte = 4;
/** Results of no more than this are copied to the host as a run ends, so that they outlive the device. */
const mostKept = 4 * 2 ** 20;

/** Compiles a plan's shaders, uploads its weights and binds everything: what is left for a run is a loop. */
export async function record(
  context: DeviceContext,
  plan: Plan,
  source: WeightSource,
  { signal, onProgress, bound = {} }: RecordOptions = {},
): Promise<Program> {
  signal?.throwIfAborted();
  context.throwIfBroken();
  checkSizes(plan, context);
  const { device } = context;
  const buffers: GPUBuffer[] = [];
  let weights: TakenWeights<GPUBuffer> | undefined;
  const free = () => {
    buffers.splice(0).forEach((buffer) => context.destroyBuffer(buffer));
    weights?.release();
  };
  const allocate = (label: string, bytes: number, flags: number = usage.storage | usage.copySrc): GPUBuffer => {
    const buffer = context.createBuffer(label, bytes, flags | usage.copyDst);
    buffers.push(buffer);
    return buffer;
  };
  try {
    const shaders = plan.calls.flatMap((call, index) =>
      (call.kernel as WgslKernel).shaders(call.node, plan.context).map((shader) => ({ ...shader, call, index })),
    );
    let done = 0;
    const total = new Set(shaders.map(({ code }) => code)).size;
    const compiled = new Map<string, Promise<GPUComputePipeline>>();
    shaders.forEach(({ code, bindings, call }) => {
      if (compiled.has(code)) return;
      const pipeline = context.pipeline(call.kernel.name, code, bindings.length - 1);
      compiled.set(code, pipeline);
      pipeline.then(
        () => onProgress?.({ phase: "kernels", done: ++done, total }),
        () => {},
      );
    });
    const pipelines = new Map<string, GPUComputePipeline>();
    for (const result of await Promise.allSettled(compiled.values()))
      if (result.status === "rejected") throw result.reason;
    for (const [code, pipeline] of compiled) pipelines.set(code, await pipeline);
    signal?.throwIfAborted();

    const blocks = await context.checked(
      "memory for activations",
      () => plan.memory.blocks.map((bytes, i) => allocate(`block ${i}`, bytes)),
      plan.memory.bytes,
    );
    let unflushed = 0;
    const put = async ({ key }: PackedWeight, bytes: Uint8Array<ArrayBuffer>): Promise<GPUBuffer> => {
      let buffer: GPUBuffer | undefined;
      const write = () => {
        buffer = context.createBuffer(key, bytes.length, usage.storage | usage.copySrc | usage.copyDst);
        device.queue.writeBuffer(buffer, 0, bytes);
        unflushed += bytes.length;
        if (unflushed < bytesPerFlush) return;
        device.queue.submit([]);
        unflushed = 0;
      };
      try {
        await context.checked(`weights ${key}`, write, bytes.length);
        return buffer!;
      } catch (error) {
        if (buffer) context.destroyBuffer(buffer);
        throw error;
      }
    };
    weights = await context.weights.take(plan, source, put, { signal, onProgress });

    const boundTo = new Map(Object.entries(bound).map(([name, t]) => [name, rangeIn(context, name, t)]));
    const rangeOf = (place: Place): BufferRange => {
      if (place.kind === "bound") return boundTo.get(place.name)!;
      if (place.kind === "memory") return { buffer: blocks[place.block], offset: place.offset, size: place.bytes };
      const buffer = weights!.at(place.key);
      return { buffer, offset: 0, size: buffer.size };
    };
    const launches = await context.checked("binding", () =>
      shaders.map(({ call, index, code, bindings, macs, ...shader }): Launch => {
        const label = `${call.kernel.name} at ${call.node.path}`;
        let bytes = 0;
        const entries = bindings.map((name, binding) => {
          const place = name === "y" ? call.result : (call.operands[name] ?? call.scratch[name]);
          const resource = rangeOf(place);
          bytes += resource.size;
          return { binding, resource };
        });
        const { workgroups, total } = shader;
        return {
          ...shader,
          pipeline: pipelines.get(code)!,
          bindGroup: device.createBindGroup({ label, layout: context.layout(bindings.length - 1), entries }),
          call: index,
          list: call.list,
          work: macs + (macsPerByte * bytes * workgroups[0] * workgroups[1]) / total,
        };
      }),
    );
    const results = [...plan.graph.outputs.values()];
    const resultBytes = results.reduce((sum, { elements }) => sum + 4 * elements, 0);
    const areKept = resultBytes <= mostKept && results.every((t) => plan.place(t).kind === "memory");
    const kept = areKept
      ? await context.checked("results", () => allocate("results", resultBytes, usage.mapRead), resultBytes)
      : undefined;
    return program(context, plan, launches, rangeOf, kept, free);
  } catch (error) {
    free();
    throw error;
  }
}

function program(
  context: DeviceContext,
  plan: Plan,
  launches: readonly Launch[],
  rangeOf: (place: Place) => BufferRange,
  kept: GPUBuffer | undefined,
  free: () => void,
): Program {
  const { device } = context;
  const submits = batches(launches, context.caps.macsPerSubmit);
  const callOf = launches.map(({ call }) => call);
  let disposed = false;
  let runs = 0;
  let last: Promise<void> | undefined;

  const assertUsable = () => {
    if (disposed) throw new DeviceError("run: this program has been disposed.");
    context.throwIfBroken();
  };

  async function writeInputs(inputs: Inputs): Promise<void> {
    const write = (t: Tensor, numbers: Float32Array | Int32Array) =>
      device.queue.writeBuffer(rangeOf(plan.place(t)).buffer, 0, unshared(toPhysical(numbers, t.shape)));
    await runHostNodes(plan.host, inputs, write);
    const fromHost = new Map<Tensor, Float32Array | Int32Array>();
    const fromDevice = new Map<Tensor, WebgpuTensor>();
    for (const [name, t] of plan.graph.inputs) {
      const given = inputs[name];
      const place = plan.place(t);
      if (place.kind === "bound") {
        assertBound(name, given instanceof WebgpuTensor && isSame(given.range, rangeOf(place)));
        continue;
      }
      const isOurs = given instanceof WebgpuTensor && given.context === context && given.dtype === t.dtype;
      // Device order depends on the shape, so only a tensor of the same shape can be copied as it is.
      if (isOurs && given.shape.join() === t.shape.join()) fromDevice.set(t, given);
      else fromHost.set(t, await readInput(t, given));
    }
    assertUsable();
    await context.checked("inputs", () => {
      copy("inputs", (encoder) => {
        for (const [t, given] of fromDevice) {
          const [from, to] = [given.range, rangeOf(plan.place(t))];
          if (!isSame(from, to)) encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, from.size);
        }
      });
      for (const [t, numbers] of fromHost) write(t, numbers);
    });
  }

  function copy(label: string, encode: (encoder: GPUCommandEncoder) => void): void {
    const encoder = device.createCommandEncoder({ label });
    encode(encoder);
    device.queue.submit([encoder.finish()]);
  }

  /** The grid that a run needs: rows of the full one, or part of its first. */
  function grid(launch: Launch, inputs: Inputs): readonly [number, number] {
    const { workgroups, total, group, before, list } = launch;
    const all = neededItems(
      total,
      group,
      neededShare(list, (name) => givenLength(inputs[name])),
    );
    const needed = Math.max(0, all - before);
    return needed >= workgroups[0] * workgroups[1] || all === total
      ? workgroups
      : [Math.min(needed, workgroups[0]), Math.ceil(needed / workgroups[0])];
  }

  function submit({ from, to, label }: Batch, inputs: Inputs, stopwatch?: Stopwatch): void {
    const encoder = device.createCommandEncoder({ label });
    const together = stopwatch ? undefined : encoder.beginComputePass();
    for (let i = from; i < to; i++) {
      const launch = launches[i];
      const [columns, rows] = grid(launch, inputs);
      if (!columns) continue;
      const pass = together ?? stopwatch!.begin(encoder, i);
      pass.setPipeline(launch.pipeline);
      pass.setBindGroup(0, launch.bindGroup);
      pass.dispatchWorkgroups(columns, rows);
      if (pass !== together) pass.end();
    }
    together?.end();
    device.queue.submit([encoder.finish()]);
  }

  /** Copies all results to where the host reads them. */
  function keep(to: GPUBuffer): void {
    let at = 0;
    copy("results", (encoder) => {
      for (const t of plan.graph.outputs.values()) {
        const { buffer, offset, size } = rangeOf(plan.place(t));
        encoder.copyBufferToBuffer(buffer, offset, to, at, size);
        at += size;
      }
    });
  }

  async function run(
    inputs: Inputs,
    { signal, onProgress, onTimes }: RunOptions,
  ): Promise<Record<string, DeviceTensor>> {
    assertUsable();
    signal?.throwIfAborted();
    checkInputs(plan.graph, inputs);
    await writeInputs(inputs);
    const number = ++runs;
    const stopwatch = onTimes && Stopwatch.for(context, callOf);
    // One submit is always queued behind the one that runs, so that the device does not wait for the host.
    const pending: { readonly done: Promise<unknown>; readonly calls: number }[] = [];
    const start = (what: string, work: () => void, finished: () => Promise<unknown>, calls: number) => {
      const done = Promise.all([context.checked(what, work), context.orLost(finished())]);
      done.catch(() => {});
      pending.push({ done, calls });
    };
    const finish = async () => {
      const { done, calls } = pending.shift()!;
      await done;
      onProgress?.(calls, plan.calls.length);
    };
    let stored: ArrayBuffer | undefined;
    try {
      for (const batch of submits) {
        if (pending.length > 1) await finish();
        signal?.throwIfAborted();
        assertUsable();
        const work = () => submit(batch, inputs, stopwatch);
        start(batch.label, work, () => device.queue.onSubmittedWorkDone(), batch.calls);
      }
      const map = () => kept!.mapAsync(usage.mapRead);
      if (kept) start("results", () => keep(kept), map, plan.calls.length);
      while (pending.length) await finish();
      stored = kept?.getMappedRange().slice(0);
      if (stopwatch) onTimes!(await stopwatch.read(plan.calls.length));
    } catch (error) {
      await Promise.allSettled(pending.map(({ done }) => done));
      throw error;
    } finally {
      kept?.unmap();
      stopwatch?.dispose();
    }
    assertUsable();
    const isCurrent = () => !disposed && runs === number;
    let at = 0;
    return Object.fromEntries(
      [...plan.graph.outputs].map(([name, t]) => {
        const copy = stored?.slice(at, (at += 4 * t.elements));
        return [name, new WebgpuTensor(context, t, rangeOf(plan.place(t)), isCurrent, copy)];
      }),
    );
  }

  return {
    plan,
    run(inputs, options = {}) {
      // A run that had to wait starts in a later task, so that whoever awaited the one before can read its results first.
      const result = last ? last.then(nextTask).then(() => run(inputs, options)) : run(inputs, options);
      const settle = () => {
        if (last === settled) last = undefined;
      };
      const settled: Promise<void> = result.then(settle, settle);
      last = settled;
      return result;
    },
    dispose() {
      if (disposed) return;
      disposed = true;
      free();
    },
  };
}

const isSame = (a: BufferRange, b: BufferRange) => a.buffer === b.buffer && a.offset === b.offset;

function rangeIn(context: DeviceContext, name: string, t: DeviceTensor): BufferRange {
  if (t instanceof WebgpuTensor && t.context === context) return t.range;
  if (t instanceof WebgpuTensor && t.context.lost) throw t.context.lost;
  throw new DeviceError(`record: ${name} cannot be bound to a tensor of another backend.`);
}

const nextTask = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** The numbers in memory of their own: WebGPU takes none that is shared between threads. */
function unshared(numbers: Float32Array | Int32Array): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  const isOwn = numbers.buffer instanceof ArrayBuffer;
  return (isOwn ? numbers : numbers.slice()) as Float32Array<ArrayBuffer>;
}

/** Launches that are submitted together. */
interface Batch {
  readonly from: number;
  readonly to: number;
  /** The plan's calls that are done once it is. */
  readonly calls: number;
  /** For errors. */
  readonly label: string;
}

/** As many launches at a time as hold no more work than `most`. */
function batches(launches: readonly Launch[], most: number): Batch[] {
  const found: Batch[] = [];
  let [from, work] = [0, 0];
  launches.forEach((launch, i) => {
    work += launch.work;
    const next = launches[i + 1];
    if (next && work + next.work <= most && i + 1 - from < launchesPerSubmit) return;
    const label = `run, ${launches[from].bindGroup.label} to ${launch.bindGroup.label}`;
    found.push({ from, to: i + 1, calls: launch.call + Number(next?.call !== launch.call), label });
    [from, work] = [i + 1, 0];
  });
  return found;
}

/** Refuses a plan that needs a larger buffer than the device has, before anything is read or made. */
function checkSizes({ calls, weights, memory }: Plan, { caps }: DeviceContext): void {
  const advice = "Use smaller pictures, f16 weights (dtype.weights), or another device.";
  const limit = caps.maxStorageBufferBindingSize;
  const refuse = (what: string, bytes: number) => {
    throw new KernelError(
      `webgpu: ${what} is ${bytes} bytes, but a binding holds at most ${limit} on this device. ${advice}`,
    );
  };
  for (const { key, bytes } of weights) if (bytes > limit) refuse(`weight ${key}`, bytes);
  for (const { node, kernel, operands, result, scratch } of calls) {
    const shape = (t: Tensor) => `[${t.shape.join(" ")}]`;
    for (const [name, place] of Object.entries({ result, ...operands, ...scratch }))
      if (place.kind === "memory" && place.bytes > limit) {
        const what =
          name === "result"
            ? `result ${shape(node)}`
            : node.inputs[name]
              ? `operand ${name} ${shape(node.inputs[name])}`
              : name;
        refuse(`${kernel.name} at ${node.path}: the ${what}`, place.bytes);
      }
  }
  for (const bytes of memory.blocks)
    if (bytes > caps.maxBufferSize)
      throw new KernelError(
        `webgpu: the plan needs a buffer of ${bytes} bytes, but this device makes them up to ${caps.maxBufferSize}. ${advice}`,
      );
}
