import { expect, test } from "vitest";
import type { Dtype } from "./dtypes.ts";
import { toFloat32, toInt32 } from "./toFloat32.ts";
import type { TensorData } from "./WeightSource.ts";

function tensor(dtype: Dtype, elements: ArrayBufferView & { length: number }): TensorData {
  return {
    dtype,
    shape: [elements.length],
    data: new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength),
  };
}

test("widens every number type to f32", () => {
  const cases: [TensorData, number[]][] = [
    [tensor("F64", Float64Array.of(0.1, -1e300)), [Math.fround(0.1), -Infinity]],
    [tensor("F32", Float32Array.of(1.5, -0)), [1.5, -0]],
    [tensor("F16", Uint16Array.of(0x3c00, 0x8001)), [1, -(2 ** -24)]],
    [tensor("BF16", Uint16Array.of(0x3f80, 0xc049)), [1, -3.140625]],
    [tensor("I64", BigInt64Array.of(-3n, 2n ** 40n)), [-3, 2 ** 40]],
    [tensor("U64", BigUint64Array.of(2n ** 63n)), [2 ** 63]],
    [tensor("I32", Int32Array.of(-7)), [-7]],
    [tensor("U32", Uint32Array.of(2 ** 31)), [2 ** 31]],
    [tensor("I16", Int16Array.of(-300)), [-300]],
    [tensor("U16", Uint16Array.of(60000)), [60000]],
    [tensor("I8", Int8Array.of(-1)), [-1]],
    [tensor("U8", Uint8Array.of(255)), [255]],
    [tensor("BOOL", Uint8Array.of(0, 1)), [0, 1]],
  ];
  for (const [data, expected] of cases) expect([...toFloat32(data)], data.dtype).toEqual(expected);
});

test("f32 is viewed, not copied, unless it is misaligned", () => {
  const buffer = new ArrayBuffer(16);
  const at = (offset: number): TensorData => ({ dtype: "F32", shape: [2], data: new Uint8Array(buffer, offset, 8) });
  new DataView(buffer).setFloat32(5, 2.5, true);
  expect(toFloat32(at(4)).buffer).toBe(buffer);
  expect(toFloat32(at(5)).buffer).not.toBe(buffer);
  expect(toFloat32(at(5))[0]).toBe(2.5);
});

test("integers come as i32", () => {
  expect([...toInt32(tensor("I64", BigInt64Array.of(-1n, 76n)))]).toEqual([-1, 76]);
  expect([...toInt32(tensor("U8", Uint8Array.of(200)))]).toEqual([200]);
  expect([...toInt32(tensor("I32", Int32Array.of(-(2 ** 31))))]).toEqual([-(2 ** 31)]);
});

test("what does not fit is an error", () => {
  expect(() => toInt32(tensor("I64", BigInt64Array.of(0n, 2n ** 31n)))).toThrow(/Element 1 is 2147483648/);
  expect(() => toInt32(tensor("U32", Uint32Array.of(2 ** 31)))).toThrow(/beyond the range/);
  expect(() => toInt32(tensor("F32", Float32Array.of(1)))).toThrow(/tensor is F32/);
  expect(() => toInt32(tensor("BF16", Uint16Array.of(1)))).toThrow(/tensor is BF16/);
  expect(() => toFloat32(tensor("F8_E4M3", Uint8Array.of(1)))).toThrow(/F8_E4M3 can be read as bytes/);
  expect(() => toFloat32({ dtype: "F32", shape: [1], data: new Uint8Array(5) })).toThrow(/5 bytes .* 4 bytes/);
});
