import type { Shape, Tensor } from "../graph/tensor.ts";

/** How a parameter lies on the device: made once, from the checkpoint's numbers in logical order. */
export interface Packing {
  /** Unique among packings of one parameter; printed in plans. */
  readonly name: string;
  bytes(shape: Shape): number;
  /** Writes the packed form of `data` (logical row-major) to `out`, which is zeroed and `bytes(shape)` long. */
  pack(data: Float32Array, shape: Shape, out: Uint8Array<ArrayBuffer>): void;
}

/** How matrices are stored on the device. */
export type WeightDtype = "f32" | "f16";

/** What a kernel may ask when it is chosen and built. */
export interface KernelContext<Caps> {
  readonly caps: Caps;
  /** The storage type for the parameter behind an operand ("f32" for operands that are computed). */
  weightDtype(operand: Tensor): WeightDtype;
  /** Whether the operand is a parameter (seen through reshapes), and so can be packed ahead of time. */
  isParam(operand: Tensor): boolean;
  /** Whether the result is made of blocks, of which a run may be given fewer than there is room for. */
  isCounted(node: Tensor): boolean;
}

/** One way to run one op on one backend. Named `op.algorithm`; the last kernel of an op's ladder accepts everything. */
export interface Kernel<Caps = unknown> {
  readonly name: string;
  /** Correctness: true, or a sentence that says what this kernel cannot do. Tests force any kernel that accepts. */
  accepts(node: Tensor, context: KernelContext<Caps>): true | string;
  /** Speed: true, or a sentence that says why another kernel should be faster. Absent means always worth it. */
  recommends?(node: Tensor, context: KernelContext<Caps>): true | string;
  /** Commands that the device gets for a call; one if not given. */
  readonly dispatches?: number;
  /** Why measured tuning leaves it alone, if it does. */
  readonly untuned?: string;
  /** Packings of operands that are parameters; those not named are stored dense, in device order, as f32. */
  packings?(node: Tensor, context: KernelContext<Caps>): Readonly<Record<string, Packing>>;
  /** Memory that the call needs while it runs: bytes, by name. */
  scratch?(node: Tensor, context: KernelContext<Caps>): Readonly<Record<string, number>>;
  /**
   * The operand in whose place the result may lie, if any: one laid out as the result is, each number of which is read
   * before its place is written, and by the same item of work.
   */
  inPlace?(node: Tensor): Tensor | undefined;
  /** Multiply-adds that it really computes, padding included, where an algorithm needs fewer than the op's definition. */
  macs?(node: Tensor, context: KernelContext<Caps>): number;
}

/** A kernel that is the op's own loops, run on the host before the replay. Its operands must be known there. */
export const host: Kernel = {
  name: "host",
  accepts: (node) =>
    Object.values(node.inputs).every((t) => t.op.name === "input") && !node.epilogue
      ? true
      : "the host computes only from the graph's inputs",
};

/** The ladder of an op that every backend leaves to the host. */
export const onHost: readonly Kernel[] = [host];

/** The ladder of an op that only a window makes and a backend has no kernel for: the window is left out there. */
export const none: readonly Kernel[] = [];
