import type { Backend } from "@tessera/kernels";
import { adapterLimits } from "../adapterLimits.ts";
import type { Limits } from "../result.ts";
import { measureLimits } from "./limits.ts";

/** What a backend can do at most: on WebGPU what the adapter can, else what the processor can on so many threads. */
export async function limitsOf(backend: Backend, threads: number, runs?: number): Promise<Limits> {
  if (backend.name !== "webgpu") return measureLimits(threads, runs);
  const { requestDevice } = await import("@tessera/kernels/webgpu");
  const device = await requestDevice();
  try {
    return await adapterLimits(device, runs);
  } finally {
    device.destroy();
  }
}
