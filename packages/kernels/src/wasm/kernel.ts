import type { Dims } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Kernel, Packing } from "../plan/kernel.ts";
import type { Fn, Local, Value } from "./asm.ts";

/** What the wasm backend tells its kernels about the machine. */
export interface WasmCaps {
  /** Threads that compute. */
  readonly threads: number;
  /** Whether the engine has multiply-adds in one step. */
  readonly relaxedSimd: boolean;
  /**
   * Whether the processor is known to have separate units that multiply and that add. One step for both then gains a matrix
   * product nothing, and takes longer to give its result.
   */
  readonly unitsApart: boolean;
}

/** What a kernel sees while it writes its function. Shapes are constants of the code, addresses are parameters. */
export interface Emission {
  readonly f: Fn;
  readonly node: Tensor;
  readonly dims: Dims;
  readonly caps: WasmCaps;
  /** Packings of operands that are parameters. */
  readonly packings: Readonly<Record<string, Packing>>;
  /** The address of an operand: its name, or `e0`, `e1` … for the epilogue's. */
  operand(name: string): Local<"i32">;
  readonly result: Local<"i32">;
  /** Address of `threadBytes(node)` bytes that no other thread uses; they hold anything at first. */
  readonly scratch: Local<"i32">;
  /** Where the result is made of blocks that are counted at run time: how many this run is given, of how many at most. */
  readonly blocks: { readonly given: Value<"i32">; readonly most: number } | undefined;
  /** The work items to do: [begin, end). */
  readonly begin: Local<"i32">;
  readonly end: Local<"i32">;
  /** Stops the run with the kernel's `fault` message about `value`. */
  fail(value: Local<"i32">): void;
}

/**
 * A kernel is one function, called by all threads with ranges of items. Items must not depend on one another, and each
 * must give the same numbers whatever range it comes in. Vectors may be read up to 12 bytes past a tensor's end.
 */
export interface WasmKernel extends Kernel<WasmCaps> {
  items(node: Tensor, caps: WasmCaps): number;
  /**
   * Items come in groups of this many, and the groups follow the result from front to back in equal steps: where only a
   * front part of the result is needed, only a front part of the groups runs. Absent means that all must run.
   */
  ordered?(node: Tensor, caps: WasmCaps): number;
  /** Work items of a run that is given so many blocks, above 0, of the `most`: where they are others than the first. */
  itemsOf?(node: Tensor, caps: WasmCaps, given: number, most: number): number;
  threadBytes?(node: Tensor, caps: WasmCaps): number;
  emit(emission: Emission): void;
  /** The error message for a value that `fail` was given. */
  fault?(node: Tensor, value: number): string;
}

/** Where the threads of a backend meet: 32-bit cells at the start of memory. thread.js knows them by the same numbers. */
export const control = { stop: 1, arrivals: 2, fault: 3, bytes: 256 } as const;
