import fc from "fast-check";
import { expect, test } from "vitest";
import { floatToHalf, fromFloat16Bits, halfToFloat, toFloat16Bits } from "./half.ts";

const all = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
const isNaNHalf = (bits: number) => (bits & 0x7fff) > 0x7c00;

test("all 65536 halves survive the way to f32 and back", () => {
  const floats = fromFloat16Bits(all);
  const back = toFloat16Bits(floats);
  const wrong = [...all].filter((bits) =>
    isNaNHalf(bits)
      ? !Number.isNaN(floats[bits]) || !isNaNHalf(back[bits]!)
      : back[bits] !== bits || floatToHalf(floats[bits]!) !== bits || !Object.is(halfToFloat(bits), floats[bits]),
  );
  expect(wrong).toEqual([]);
});

test("known values (IEEE 754 binary16)", () => {
  const known: [number, number][] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
  ];
  for (const [bits, value] of known) {
    expect(halfToFloat(bits)).toBe(value);
    expect(floatToHalf(value)).toBe(bits);
  }
  expect(floatToHalf(NaN)).toBe(0x7e00);
});

test("every midpoint between two halves goes to the even one, and its neighbours to the nearer", () => {
  const wrong: number[] = [];
  for (let bits = 0; bits < 0x7c00; bits++) {
    const low = halfToFloat(bits);
    const high = bits === 0x7bff ? 65536 : halfToFloat(bits + 1);
    const middle = (low + high) / 2;
    const even = bits + (bits & 1);
    const step = (high - low) * 2 ** -12;
    const expected = [bits, even, bits + 1, even | 0x8000];
    const inputs = [middle - step, middle, middle + step, -middle];
    const fast = toFloat16Bits(Float32Array.from(inputs));
    if (inputs.some((x, i) => floatToHalf(x) !== expected[i] || fast[i] !== expected[i])) wrong.push(bits);
  }
  expect(wrong).toEqual([]);
});

test("a double is rounded once", () => {
  expect(floatToHalf(1 + 2 ** -11 + 2 ** -40)).toBe(0x3c01);
  expect(floatToHalf(2 ** -25 + 2 ** -60)).toBe(1);
  expect(floatToHalf(65520 - 2 ** -30)).toBe(0x7bff);
  expect(floatToHalf(Number.MIN_VALUE)).toBe(0);
  expect(floatToHalf(-Number.MAX_VALUE)).toBe(0xfc00);
});

test("arrays agree with single numbers", () => {
  fc.assert(
    fc.property(fc.float32Array(), (floats) => {
      expect([...toFloat16Bits(floats)]).toEqual(Array.from(floats, floatToHalf));
    }),
  );
});
