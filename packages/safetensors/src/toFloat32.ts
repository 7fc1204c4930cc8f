import { dtypes } from "./dtypes.ts";
import { fromFloat16Bits } from "./half.ts";
import { SafetensorsError } from "./SafetensorsError.ts";
import type { TensorData } from "./WeightSource.ts";

/** The bytes themselves if a typed array can view them, else a copy that it can. */
export function aligned(bytes: Uint8Array, elementBytes: number): Uint8Array {
  return bytes.byteOffset % elementBytes === 0 ? bytes : bytes.slice();
}

/** The tensor's elements in the typed array of its dtype; BF16 as its bits. A view where alignment allows. */
function view(tensor: TensorData) {
  const elementBytes = dtypes[tensor.dtype];
  if (tensor.data.byteLength % elementBytes !== 0) {
    throw new SafetensorsError(
      "SizeMismatch",
      `${tensor.data.byteLength} bytes are no whole number of ${tensor.dtype} elements of ${elementBytes} bytes.`,
      { numbers: { bytes: tensor.data.byteLength, elementBytes } },
    );
  }
  const { buffer, byteOffset, byteLength } = aligned(tensor.data, elementBytes);
  const length = byteLength / elementBytes;
  switch (tensor.dtype) {
    case "BOOL":
    case "U8":
      return new Uint8Array(buffer, byteOffset, length);
    case "I8":
      return new Int8Array(buffer, byteOffset, length);
    case "U16":
    case "F16":
    case "BF16":
      return new Uint16Array(buffer, byteOffset, length);
    case "I16":
      return new Int16Array(buffer, byteOffset, length);
    case "U32":
      return new Uint32Array(buffer, byteOffset, length);
    case "I32":
      return new Int32Array(buffer, byteOffset, length);
    case "F32":
      return new Float32Array(buffer, byteOffset, length);
    case "F64":
      return new Float64Array(buffer, byteOffset, length);
    case "U64":
      return new BigUint64Array(buffer, byteOffset, length);
    case "I64":
      return new BigInt64Array(buffer, byteOffset, length);
    default:
      throw new SafetensorsError("UnsupportedDtype", `${tensor.dtype} can be read as bytes, but not as numbers.`);
  }
}

/**
 * The elements as f32, in row-major order. F32 is returned as a view where alignment allows, F16 and BF16 are widened
 * exactly, and F64 and wide integers are rounded to the nearest f32.
 * @throws {SafetensorsError} `UnsupportedDtype` for the 8-bit floats and C64
 */
export function toFloat32(tensor: TensorData): Float32Array {
  const elements = view(tensor);
  if (elements instanceof Float32Array) return elements;
  if (tensor.dtype === "F16") return fromFloat16Bits(elements as Uint16Array);
  if (tensor.dtype === "BF16")
    return new Float32Array(Uint32Array.from(elements as Uint16Array, (bits) => bits << 16).buffer);
  if (elements instanceof BigInt64Array || elements instanceof BigUint64Array)
    return Float32Array.from(elements, Number);
  return Float32Array.from(elements);
}

/**
 * The elements of an integer or boolean tensor as i32, in row-major order; I32 as a view where alignment allows.
 * @throws {SafetensorsError} `UnsupportedDtype` for floats, `OutOfRange` for a value that i32 does not hold
 */
export function toInt32(tensor: TensorData): Int32Array {
  if (/^(B?F|C)\d/.test(tensor.dtype)) {
    throw new SafetensorsError("UnsupportedDtype", `Integers are wanted, but the tensor is ${tensor.dtype}.`);
  }
  const elements = view(tensor);
  if (elements instanceof Int32Array) return elements;
  return Int32Array.from({ length: elements.length }, (_, index) => {
    const value = Number(elements[index]);
    if ((value | 0) !== value) {
      throw new SafetensorsError("OutOfRange", `Element ${index} is ${elements[index]}, beyond the range of i32.`, {
        numbers: { index, value },
      });
    }
    return value;
  });
}
