import type { WeightSource } from "@tessera/safetensors";
import type { Plan, Target } from "./plan.ts";
import type { CompileProgress, Program } from "./program.ts";

export interface RecordOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CompileProgress) => void;
}

/** A device that can hold plans and run them. */
export interface Backend<Caps = any> extends Target<Caps> {
  readonly name: "reference" | "null" | "wasm" | "webgpu";
  /** One line for people: adapter or processor, features, threads. */
  readonly description: string;
  /** The most tensors one kernel may read and write (WebGPU's storage buffers per stage). */
  readonly maxBindings: number;
  /** Bytes that programs of this backend hold now; 0 once all are disposed. */
  readonly liveBytes: number;
  /** Puts weights and code of a plan on the device. */
  record(plan: Plan, weights: WeightSource, options?: RecordOptions): Promise<Program>;
  /** Releases the device itself. */
  dispose(): Promise<void>;
}
