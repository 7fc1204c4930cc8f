import { DeviceLostError } from "../graph/errors.ts";
import type { OpName } from "../ops/opName.ts";
import type { Backend } from "../plan/backend.ts";
import type { Kernel } from "../plan/kernel.ts";
import type { Program } from "../plan/program.ts";
import type { WebgpuCaps } from "./caps.ts";
import { DeviceContext } from "./deviceContext.ts";
import { record } from "./record.ts";
import * as kernels from "./ladders.ts";
import { requestDevice, type DeviceOptions } from "./requestDevice.ts";
import { WebgpuTensor } from "./webgpuTensor.ts";

const ladders: Readonly<Record<OpName, readonly Kernel<WebgpuCaps>[]>> = kernels;

/**
 * A backend on a WebGPU device: one that is given, or one that it asks for itself (by options, or by calling a function)
 * and destroys when disposed. If a device that it asked for is lost, it asks for another one, brings programs there as
 * they are run, and repeats the run that was going on, once.
 */
export async function webgpu(
  device: GPUDevice | DeviceOptions | (() => Promise<GPUDevice>) = {},
): Promise<Backend<WebgpuCaps>> {
  const isGiven = "queue" in device;
  const ask = isGiven ? undefined : typeof device === "function" ? device : () => requestDevice(device);
  const limits = isGiven || typeof device === "function" ? {} : device.limits;
  let context = new DeviceContext(isGiven ? device : await ask!(), limits);
  const { caps } = context;
  let disposed = false;
  let renewal: Promise<void> | undefined;
  const programs = new Set<Program>();

  async function renew(): Promise<void> {
    const next = new DeviceContext(await ask!(), limits);
    if (JSON.stringify(next.caps) !== JSON.stringify(caps)) {
      next.destroy();
      throw new DeviceLostError(
        `webgpu: the device was lost, and what can be had now (${next.caps.adapter}) differs from it (${caps.adapter}). Make a new backend and compile again.`,
      );
    }
    context = next;
  }

  /** Works on the device; if that has been lost, or is lost meanwhile, on another one, once. */
  async function persist<T>(work: (context: DeviceContext) => Promise<T>): Promise<T> {
    const used = context;
    const isLost = () => ask && !disposed && used.lost;
    if (!isLost()) {
      try {
        return await work(used);
      } catch (error) {
        if (!isLost()) throw error;
      }
    }
    if (context === used) await (renewal ??= renew().finally(() => (renewal = undefined)));
    const next = context;
    try {
      return await work(next);
    } catch (error) {
      if (disposed || !next.lost) throw error;
      throw new DeviceLostError(
        `The device was lost, and then the one in its place: ${next.lost.message} Try smaller pictures, close what else uses the GPU, or use the wasm backend.`,
        { cause: error },
      );
    }
  }

  const features = [
    caps.f16 && "f16",
    caps.subgroupSize && `subgroups of ${caps.subgroupSize}`,
    caps.subgroupMatrix && "matrix units",
  ]
    .filter(Boolean)
    .join(", ");
  return {
    name: "webgpu",
    description: `WebGPU on ${caps.adapter}${features ? ` (${features})` : ""}${caps.software ? ", a software adapter" : ""}`,
    caps,
    ladders,
    memoryUnit: "blocks",
    maxBindings: Math.min(caps.maxStorageBuffersPerShaderStage, 10),
    maxTensorBytes: Math.min(caps.maxStorageBufferBindingSize, caps.maxBufferSize),
    get liveBytes() {
      return context.liveBytes;
    },
    async record(plan, weights, options = {}) {
      const on = async (context: DeviceContext, { signal }: Pick<typeof options, "signal">) => ({
        context,
        program: await record(context, plan, weights, { ...options, signal }),
      });
      let recorded = await persist((context) => on(context, options));
      let move: Promise<void> | undefined;
      let isDisposed = false;
      const program: Program = {
        plan,
        run: (inputs, runOptions = {}) =>
          persist(async (context) => {
            if (recorded.context !== context && !isDisposed) {
              if (Object.keys(options.bound ?? {}).length)
                throw new DeviceLostError(
                  "webgpu: the device was lost, and with it the results that this program's inputs are bound to. Compile it again when they are computed again.",
                );
              await (move ??= on(context, runOptions)
                .then((moved) => void (recorded = moved))
                .finally(() => (move = undefined)));
              if (isDisposed) recorded.program.dispose();
            }
            const here = Object.entries(inputs).map(([name, t]) => {
              const isLost = t instanceof WebgpuTensor && t.context !== context && t.context.lost;
              return [name, isLost ? t.rescued() : t] as const;
            });
            return recorded.program.run(Object.fromEntries(here), runOptions);
          }),
        dispose() {
          isDisposed = true;
          programs.delete(program);
          recorded.program.dispose();
        },
      };
      programs.add(program);
      return program;
    },
    async dispose() {
      disposed = true;
      for (const program of programs) program.dispose();
      if (!isGiven) context.destroy();
    },
  };
}
