import type { Dtype, Shape } from "../graph/tensor.ts";
import type { Plan } from "./plan.ts";

/** Numbers that a caller gives: logical row-major order. */
export type HostTensor = Float32Array | Int32Array | readonly number[];

/** A result where the device keeps it: valid until the program runs again or is disposed. */
export interface DeviceTensor {
  readonly shape: Shape;
  readonly dtype: Dtype;
  /** Copies the numbers to the host, in logical row-major order. */
  read(): Promise<Float32Array>;
}

export interface RunOptions {
  /** Stops between kernels; the run rejects with the signal's reason and the program stays usable. */
  readonly signal?: AbortSignal;
  /** Is told how many of the plan's calls are done, now and then; the reference and null backends do not tell. */
  onProgress?(done: number, total: number): void;
  /**
   * Is told the milliseconds that each of the plan's calls took, in order, where the backend knows them: wasm does, and
   * WebGPU on devices with timestamps, whose calls then run one at a time.
   */
  onTimes?(ms: readonly number[]): void;
}

/** A plan on a device, ready to replay. */
export interface Program {
  readonly plan: Plan;
  /** Runs once. Every input must be given; a DeviceTensor of the same backend is copied without leaving the device. */
  run(
    inputs: Readonly<Record<string, HostTensor | DeviceTensor>>,
    options?: RunOptions,
  ): Promise<Record<string, DeviceTensor>>;
  /** Frees weights and memory. A second call does nothing; a later run is an error. */
  dispose(): void;
}

/** Progress of a compilation, in ops whose kernels were timed, in bytes of weights or in kernels built. */
export interface CompileProgress {
  readonly phase: "tuning" | "weights" | "kernels";
  readonly done: number;
  readonly total: number;
}
