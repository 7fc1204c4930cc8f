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
import { WebgpuTensor } from "./webgpuTensor.ts";
import type { WgslKernel } from "./wgslKernel.ts";

/** A pipeline with its buffers and its grid. */
interface Launch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: readonly [number, number];
  readonly total: number;
  readonly group: number;
  readonly list: Tensor | undefined;
  /** Its share of the multiply-adds of the call. */
  readonly macs: number;
  /** The number of the call. */
  readonly call: number;
}

type Inputs = Readonly<Record<string, HostTensor | DeviceTensor>>;

// One submit holds little enough work for a slow GPU to finish it before a watchdog resets the device (2 s on Windows),
// and a run can be aborted between submits.
const macsPerSubmit = 10e9;
const launchesPerSubmit = 64;
const bytesPerFlush = 64 * 2 ** 20;

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
  const allocate = (label: string, bytes: number): GPUBuffer => {
    const buffer = context.createBuffer(label, bytes, usage.storage | usage.copySrc | usage.copyDst);
    buffers.push(buffer);
    return buffer;
  };
  try {
    const shaders = plan.calls.flatMap((call) => {
      const stages = (call.kernel as WgslKernel).shaders(call.node, plan.context);
      const macs = call.node.op.macs(call.node) / stages.length;
      return stages.map((shader) => ({ ...shader, call, macs }));
    });
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

    const boundTo = new Map(Object.entries(bound).map(([name, t]) => [name, bufferIn(context, name, t)]));
    const bufferOf = (place: Place): GPUBuffer => {
      if (place.kind === "bound") return boundTo.get(place.name)!;
      return place.kind === "memory" ? blocks[place.block] : weights!.at(place.key);
    };
    const launches = await context.checked("binding", () =>
      shaders.map(({ call, code, bindings, workgroups, total, group, macs }): Launch => {
        const entries = bindings.map((name, binding) => {
          const place = name === "y" ? call.result : (call.operands[name] ?? call.scratch[name]);
          const size = place.kind === "memory" ? place.bytes : undefined;
          return { binding, resource: { buffer: bufferOf(place), offset: 0, size } };
        });
        return {
          pipeline: pipelines.get(code)!,
          bindGroup: device.createBindGroup({ layout: context.layout(bindings.length - 1), entries }),
          workgroups,
          total,
          group,
          list: call.list,
          macs,
          call: plan.calls.indexOf(call),
        };
      }),
    );
    return program(context, plan, launches, bufferOf, free);
  } catch (error) {
    free();
    throw error;
  }
}

function program(
  context: DeviceContext,
  plan: Plan,
  launches: readonly Launch[],
  bufferOf: (place: Place) => GPUBuffer,
  free: () => void,
): Program {
  const { device } = context;
  const submits = batches(launches);
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
      device.queue.writeBuffer(bufferOf(plan.place(t)), 0, unshared(toPhysical(numbers, t.shape)));
    await runHostNodes(plan.host, inputs, write);
    const fromHost = new Map<Tensor, Float32Array | Int32Array>();
    const fromDevice = new Map<Tensor, WebgpuTensor>();
    for (const [name, t] of plan.graph.inputs) {
      const given = inputs[name];
      const place = plan.place(t);
      if (place.kind === "bound") {
        assertBound(name, given instanceof WebgpuTensor && given.buffer === bufferOf(place));
        continue;
      }
      const isOurs = given instanceof WebgpuTensor && given.context === context && given.dtype === t.dtype;
      // Device order depends on the shape, so only a tensor of the same shape can be copied as it is.
      if (isOurs && given.shape.join() === t.shape.join()) fromDevice.set(t, given);
      else fromHost.set(t, await readInput(t, given));
    }
    assertUsable();
    await context.checked("inputs", () => {
      const encoder = device.createCommandEncoder({ label: "inputs" });
      for (const [t, given] of fromDevice) {
        const target = bufferOf(plan.place(t));
        if (given.buffer !== target) encoder.copyBufferToBuffer(given.buffer, 0, target, 0, given.bytes);
      }
      device.queue.submit([encoder.finish()]);
      for (const [t, numbers] of fromHost) write(t, numbers);
    });
  }

  /** The grid that a run needs: rows of the full one, or part of its first. */
  function grid({ workgroups, total, group, list }: Launch, inputs: Inputs): readonly [number, number] {
    const needed = neededItems(
      total,
      group,
      neededShare(list, (name) => givenLength(inputs[name])),
    );
    return needed === total ? workgroups : [Math.min(needed, workgroups[0]), Math.ceil(needed / workgroups[0])];
  }

  function submit([from, to]: readonly [number, number], inputs: Inputs, stopwatch?: Stopwatch): void {
    const encoder = device.createCommandEncoder({ label: `launches ${from} to ${to - 1}` });
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

  async function run(inputs: Inputs, { signal, onTimes }: RunOptions): Promise<Record<string, DeviceTensor>> {
    assertUsable();
    signal?.throwIfAborted();
    checkInputs(plan.graph, inputs);
    await writeInputs(inputs);
    const number = ++runs;
    const stopwatch = onTimes && Stopwatch.for(context, callOf);
    // One submit is always queued behind the one that runs, so that the device does not wait for the host.
    const pending: Promise<unknown>[] = [];
    try {
      for (const batch of submits) {
        if (pending.length > 1) await pending.shift();
        signal?.throwIfAborted();
        assertUsable();
        const checked = context.checked("run", () => submit(batch, inputs, stopwatch));
        const finished = Promise.all([checked, context.orLost(device.queue.onSubmittedWorkDone())]);
        finished.catch(() => {});
        pending.push(finished);
      }
      await Promise.all(pending);
      if (stopwatch) onTimes(await stopwatch.read(plan.calls.length));
    } catch (error) {
      await Promise.allSettled(pending);
      throw error;
    } finally {
      stopwatch?.dispose();
    }
    assertUsable();
    const isCurrent = () => !disposed && runs === number;
    return Object.fromEntries(
      [...plan.graph.outputs].map(([name, t]) => [
        name,
        new WebgpuTensor(context, t, bufferOf(plan.place(t)), isCurrent),
      ]),
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

function bufferIn(context: DeviceContext, name: string, t: DeviceTensor): GPUBuffer {
  if (t instanceof WebgpuTensor && t.context === context) return t.buffer;
  throw new DeviceError(`record: ${name} cannot be bound to a tensor of another backend.`);
}

const nextTask = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** The numbers in memory of their own: WebGPU takes none that is shared between threads. */
function unshared(numbers: Float32Array | Int32Array): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  const isOwn = numbers.buffer instanceof ArrayBuffer;
  return (isOwn ? numbers : numbers.slice()) as Float32Array<ArrayBuffer>;
}

/** Ranges of launches, one per submit. */
function batches(launches: readonly Launch[]): (readonly [number, number])[] {
  const ranges: (readonly [number, number])[] = [];
  let [from, macs] = [0, 0];
  launches.forEach((launch, i) => {
    macs += launch.macs;
    if (macs < macsPerSubmit && i + 1 - from < launchesPerSubmit) return;
    ranges.push([from, i + 1]);
    [from, macs] = [i + 1, 0];
  });
  if (from < launches.length) ranges.push([from, launches.length]);
  return ranges;
}

/** Refuses a plan that needs a larger buffer than the device has, before anything is read or made. */
function checkSizes({ calls, weights, memory }: Plan, { caps }: DeviceContext): void {
  const advice = "Use smaller pictures, f16 weights (dtype.weights), or another device.";
  for (const { key, bytes } of weights)
    if (bytes > caps.maxStorageBufferBindingSize)
      throw new KernelError(
        `webgpu: weight ${key} is ${bytes} bytes, but a binding holds at most ${caps.maxStorageBufferBindingSize} on this device. ${advice}`,
      );
  for (const { node, kernel, result } of calls)
    if (result.kind === "memory" && result.bytes > caps.maxStorageBufferBindingSize)
      throw new KernelError(
        `webgpu: ${kernel.name} at ${node.path}: the result [${node.shape.join(" ")}] is ${result.bytes} bytes, but a binding holds at most ${caps.maxStorageBufferBindingSize} on this device. ${advice}`,
      );
  for (const bytes of memory.blocks)
    if (bytes > caps.maxBufferSize)
      throw new KernelError(
        `webgpu: the plan needs a buffer of ${bytes} bytes, but this device makes them up to ${caps.maxBufferSize}. ${advice}`,
      );
}
