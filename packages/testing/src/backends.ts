import type { Backend } from "@tessera/kernels";
import { reference } from "@tessera/kernels/reference";
import { wasm } from "@tessera/kernels/wasm";
import { requestAdapter, webgpu, type DeviceOptions } from "@tessera/kernels/webgpu";

export interface TestBackend {
  readonly name: "reference" | "wasm" | "webgpu";
  /** Error allowed for a whole model, as a share of the largest reference value. */
  readonly tolerance: number;
  /** The limits are webgpu's: see `DeviceOptions`. */
  open(limits?: DeviceOptions): Promise<Backend>;
}

/** Backends named in `REQUIRE` (comma separated): where one is missing, its tests fail instead of skipping. */
export const required = (name: string): boolean => (process.env.REQUIRE ?? "").split(",").includes(name);

/** The backends that can be had on this machine. One that is required and cannot be had is an error. */
export async function backends(): Promise<TestBackend[]> {
  const found: TestBackend[] = [
    { name: "reference", tolerance: 5e-5, open: async () => reference() },
    { name: "wasm", tolerance: 5e-5, open: () => wasm({ threads: 2 }) },
  ];
  try {
    await requestAdapter();
    found.push({ name: "webgpu", tolerance: 1e-3, open: (limits) => webgpu(limits) });
  } catch (error) {
    if (required("webgpu")) throw error;
    console.warn(`Tests on webgpu are left out. ${(error as Error).message}`);
  }
  return found;
}
