import type { Backend } from "@tessera/kernels";
import { nullBackend } from "@tessera/kernels/null";
import { reference } from "@tessera/kernels/reference";

/** Backends that can be asked for by name. */
export const backendNames = ["auto", "webgpu", "wasm", "reference", "null"] as const;
export type BackendName = (typeof backendNames)[number];

export interface ChosenBackend {
  readonly backend: Backend;
  /** Why this one, as a sentence. */
  readonly reason: string;
}

export interface BackendOptions {
  /** Of the wasm backend; default all processors. */
  readonly threads?: number;
}

/**
 * A backend by name. `auto` takes WebGPU on a real GPU, else WASM: an adapter that is a processor in disguise computes
 * slower than WASM does.
 *
 * @throws {DeviceError} if the backend that was asked for is not to be had here
 */
export async function chooseBackend(name: BackendName = "auto", options: BackendOptions = {}): Promise<ChosenBackend> {
  switch (name) {
    case "reference":
      return { backend: reference(), reason: "reference was asked for." };
    case "null":
      return { backend: nullBackend(), reason: "null was asked for: it plans and computes nothing." };
    case "wasm":
      return { backend: await openWasm(options), reason: "wasm was asked for." };
    case "webgpu":
      return { backend: await openWebgpu(), reason: "webgpu was asked for." };
    case "auto":
      return automatic(options);
  }
}

async function automatic(options: BackendOptions): Promise<ChosenBackend> {
  let why: string;
  try {
    const { adapterName, isSoftware, requestAdapter } = await import("@tessera/kernels/webgpu");
    const { info } = await requestAdapter();
    const name = adapterName(info);
    if (!isSoftware(info)) return { backend: await openWebgpu(), reason: `webgpu, since there is a GPU: ${name}.` };
    why = `the only WebGPU adapter, ${name}, is a processor in disguise`;
  } catch (error) {
    why = `WebGPU cannot be had: ${(error as Error).message.replace(/\.$/, "")}`;
  }
  return { backend: await openWasm(options), reason: `wasm, since ${why}.` };
}

// Imported only when asked for, so that nobody loads shaders or Dawn in vain.
async function openWasm({ threads }: BackendOptions): Promise<Backend> {
  const { wasm } = await import("@tessera/kernels/wasm");
  return wasm({ threads });
}

async function openWebgpu(): Promise<Backend> {
  const { webgpu } = await import("@tessera/kernels/webgpu");
  return webgpu();
}
