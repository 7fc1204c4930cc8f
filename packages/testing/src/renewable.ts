import type { Backend } from "@tessera/kernels";
import { requestDevice, webgpu } from "@tessera/kernels/webgpu";
import { onTestFinished } from "vitest";

/** A test's WebGPU backend, which takes another device when its own is lost, and all that it took, which may be destroyed. */
export async function renewable(): Promise<{ readonly devices: readonly GPUDevice[]; readonly backend: Backend }> {
  const devices: GPUDevice[] = [];
  const backend = await webgpu(async () => {
    devices.push(await requestDevice());
    return devices.at(-1)!;
  });
  onTestFinished(() => backend.dispose());
  return { devices, backend };
}
