import type { Shape } from "@tessera/kernels";
import type { Spent } from "../../timed.ts";

/** Numbers for an input, in row-major order. */
export interface Given {
  readonly shape: Shape;
  readonly data: Float32Array | Int32Array;
}

/** What an engine is to compute. */
export interface Task {
  /** The operator's name in `sd15Ops` or `smallOps`, for engines that have no ONNX; absent for networks. */
  readonly op?: string;
  /** The same as ONNX files, to run one after the other: more than one where an address space would not hold all. */
  readonly models: readonly { readonly path: string; readonly dataPath: string }[];
  readonly inputs: Readonly<Record<string, Given>>;
  /** The results' names in ONNX. */
  readonly outputs: readonly string[];
}

/** A task on an engine, warmed up. */
export interface Loaded {
  /** The results, as the first run gave them. */
  readonly outputs: readonly Float32Array[];
  /** Computes once; inputs and results stay where the engine keeps them. */
  run(): Promise<Spent>;
  dispose(): Promise<void>;
}

/** A library that computes, in a process of its own. */
export interface Engine {
  /** Version and threads, for people. */
  readonly detail: string;
  load(task: Task): Promise<Loaded>;
}

export interface EngineOptions {
  readonly threads: number;
  /** Where it is to compute. */
  readonly device: "cpu" | "webgpu";
}
