import type { WeightSource } from "@tessera/safetensors";
import type { Plan, Target } from "./plan.ts";
import type { CompileProgress, DeviceTensor, Program } from "./program.ts";

export interface RecordOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CompileProgress) => void;
  /**
   * Inputs that stay where these results of another program of the backend lie: nothing is copied. They are given at each
   * run all the same. The other program may run again in between, and must not be disposed before this one.
   */
  readonly bound?: Readonly<Record<string, DeviceTensor>>;
}

/** A device that can hold plans and run them. */
export interface Backend<Caps = any> extends Target<Caps> {
  readonly name: "reference" | "null" | "wasm" | "webgpu";
  /** One line for people: adapter or processor, features, threads. */
  readonly description: string;
  /** The most tensors one kernel may read and write (WebGPU's storage buffers per stage). */
  readonly maxBindings: number;
  /** The most bytes of one tensor that a kernel may read or write, if there is such a limit (WebGPU's bindings). */
  readonly maxTensorBytes?: number;
  /** Bytes that programs of this backend hold now; 0 once all are disposed. */
  readonly liveBytes: number;
  /** Puts weights and code of a plan on the device. */
  record(plan: Plan, weights: WeightSource, options?: RecordOptions): Promise<Program>;
  /** Releases the device itself. */
  dispose(): Promise<void>;
}
