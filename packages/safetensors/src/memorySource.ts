import { dtypes, elementCount } from "./dtypes.ts";
import { missing, readerSource } from "./openSafetensors.ts";
import { type HeaderLimits, parseHeader } from "./parseHeader.ts";
import { SafetensorsError } from "./SafetensorsError.ts";
import { aligned } from "./toFloat32.ts";
import type { TensorData, TensorInfo, WeightSource } from "./WeightSource.ts";

/**
 * A source in memory: either the bytes of a safetensors file, or tensors by name. Nothing is copied unless alignment
 * demands it.
 * @throws {SafetensorsError} as `parseHeader` does, or as {@link tensorInfo} does
 */
export function memorySource(input: Uint8Array | Record<string, TensorData>, limits: HeaderLimits = {}): WeightSource {
  if (input instanceof Uint8Array) {
    const read = async (begin: number, end: number) => input.subarray(begin, end);
    return readerSource({ size: input.length, read }, parseHeader(input, input.length, limits));
  }
  const tensors = new Map(Object.entries(input));
  const infos = new Map<string, TensorInfo>();
  for (const [name, tensor] of tensors) {
    const info = tensorInfo(name, tensor);
    checkData(info, tensor);
    infos.set(name, info);
  }
  return {
    names: () => infos.keys(),
    info: (name) => infos.get(name),
    get: async (name, { signal } = {}) => {
      signal?.throwIfAborted();
      const { dtype, shape, data } = tensors.get(name) ?? missing(name, tensors.size);
      return { dtype, shape, data: aligned(data, dtypes[dtype]) };
    },
  };
}

/**
 * What the header says of a tensor of this dtype and shape.
 * @throws {SafetensorsError} `UnknownDtype`, `InvalidShape` (also where the size is beyond 2^53 - 1)
 */
export function tensorInfo(name: string, { dtype, shape }: Pick<TensorData, "dtype" | "shape">): TensorInfo {
  const label = `Tensor ${JSON.stringify(name)}`;
  if (!Object.hasOwn(dtypes, dtype)) {
    const known = Object.keys(dtypes).join(", ");
    throw new SafetensorsError("UnknownDtype", `${label}: unknown dtype ${dtype}; known are ${known}.`, {
      tensor: name,
    });
  }
  const bytes = (elementCount(shape) ?? NaN) * dtypes[dtype];
  if (!Number.isSafeInteger(bytes)) {
    throw new SafetensorsError(
      "InvalidShape",
      `${label}: [${shape}] is no shape of whole numbers from 0 whose ${dtype} data stay within 2^53 - 1 bytes.`,
      { tensor: name },
    );
  }
  return { name, dtype, shape, bytes };
}

/** Rejects data that are not what was announced: `UnknownDtype`, `InvalidShape` or `SizeMismatch`. */
export function checkData(info: TensorInfo, tensor: TensorData): void {
  if (
    tensor.dtype === info.dtype &&
    tensor.data.byteLength === info.bytes &&
    String(tensor.shape) === String(info.shape)
  ) {
    return;
  }
  throw new SafetensorsError(
    "SizeMismatch",
    `Tensor ${JSON.stringify(info.name)}: ${info.dtype} [${info.shape}] takes ${info.bytes} bytes, but the data are ` +
      `${tensor.dtype} [${tensor.shape}] in ${tensor.data.byteLength} bytes.`,
    { tensor: info.name, numbers: { expected: info.bytes, actual: tensor.data.byteLength } },
  );
}
