/**
 * Bytes per element of every dtype of the format that fills whole bytes. The order is that of the reference
 * implementation (huggingface/safetensors, `enum Dtype`), by which files are laid out; its F4 and F6 pack several
 * elements into a byte and are refused.
 */
export const dtypes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  C64: 8,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;

/** The element type of a tensor, in the format's own spelling. */
export type Dtype = keyof typeof dtypes;

/** Whether a value read from a file names a dtype that this package reads. */
export function isDtype(value: unknown): value is Dtype {
  return typeof value === "string" && Object.hasOwn(dtypes, value);
}

/** The number of elements of a shape (1 for a scalar), or undefined if it is no shape or beyond 2^53 - 1. */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const extent of shape) {
    count *= extent;
    if (extent < 0 || !Number.isSafeInteger(extent) || !Number.isSafeInteger(count)) return undefined;
  }
  return count;
}
