import type { Dtype } from "./dtypes.ts";

/** What a header says of a tensor. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Size of the data: the product of the shape times the bytes of one element. */
  readonly bytes: number;
}

/**
 * A tensor with its data: raw little-endian bytes in row-major order. What a {@link WeightSource} returns starts at a
 * multiple of the element's size, so that a typed array can view it; it may be a view of the source's own memory, so
 * treat it as read-only.
 */
export interface TensorData {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Named tensors that are read one at a time: a file, a URL, a set of shards, or memory. */
export interface WeightSource {
  /** Every name, in the order of the data. */
  names(): Iterable<string>;
  /** What the header says of a tensor, or undefined if there is none of that name. Reads nothing. */
  info(name: string): TensorInfo | undefined;
  /**
   * Reads one tensor, and only its bytes.
   * @throws {SafetensorsError} `MissingTensor` for an unknown name; `Truncated`, `Network`, … if its bytes cannot be had.
   */
  get(name: string, options?: { signal?: AbortSignal }): Promise<TensorData>;
  /** Releases what the source holds open. Calling it twice is harmless. */
  close?(): Promise<void>;
}
