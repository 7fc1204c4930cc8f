import type { OpName } from "../ops/opName.ts";
import type { Backend } from "../plan/backend.ts";
import type { Kernel } from "../plan/kernel.ts";
import type { Program } from "../plan/program.ts";
import type { WebgpuCaps } from "./caps.ts";
import { DeviceContext } from "./deviceContext.ts";
import { record } from "./record.ts";
import * as kernels from "./ladders.ts";
import { requestDevice, type DeviceOptions } from "./requestDevice.ts";

const ladders: Readonly<Record<OpName, readonly Kernel<WebgpuCaps>[]>> = kernels;

/** A backend on a WebGPU device: one that is given, or one that it asks for itself and destroys when disposed. */
export async function webgpu(device: GPUDevice | DeviceOptions = {}): Promise<Backend<WebgpuCaps>> {
  const isGiven = "queue" in device;
  const context = new DeviceContext(isGiven ? device : await requestDevice(device));
  const { caps } = context;
  const programs = new Set<Program>();
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
    get liveBytes() {
      return context.liveBytes;
    },
    async record(plan, weights, options) {
      const program = await record(context, plan, weights, options);
      programs.add(program);
      return {
        ...program,
        dispose() {
          programs.delete(program);
          program.dispose();
        },
      };
    },
    async dispose() {
      for (const program of programs) program.dispose();
      programs.clear();
      if (!isGiven) context.destroy();
    },
  };
}
