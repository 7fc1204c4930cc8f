const scratch = new DataView(new ArrayBuffer(8));

/** The value of an IEEE 754 half-precision number given by its 16 bits. Exact. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (0x400 + fraction) * 2 ** (exponent - 25);
}

/**
 * The 16 bits of the half-precision number nearest to `x`, ties to even: straight from the double, so rounded once.
 * From 65520 upwards the result is infinity; every NaN becomes 0x7e00.
 */
export function floatToHalf(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  scratch.setFloat64(0, x);
  const high = scratch.getUint32(0);
  const sign = (high >>> 16) & 0x8000;
  const exponent = Math.max(((high >>> 20) & 0x7ff) - 1023, -14);
  if (exponent > 15) return sign | 0x7c00;
  // In units of the last place |x| is at most 2048. Adding 2^52 rounds it to a whole number, ties to even; a carry runs
  // on into the exponent's bits, as it should.
  const units = Math.abs(x) * 2 ** (10 - exponent) + 2 ** 52 - 2 ** 52;
  return sign | (((exponent + 14) << 10) + units);
}

/** {@link floatToHalf} of every element. */
export function toFloat16Bits(floats: Float32Array): Uint16Array {
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  const halves = new Uint16Array(floats.length);
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & 0x7fffffff;
    // From 2^-14 to below 65536 the exponent only needs rebiasing by 112, and the fraction rounding to 10 bits.
    const isNormal = magnitude >= 0x38800000 && magnitude < 0x47800000;
    halves[i] = isNormal
      ? ((bits[i]! >>> 16) & 0x8000) | ((magnitude - (112 << 23) + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
      : floatToHalf(floats[i]!);
  }
  return halves;
}

let table: Float32Array | undefined;

/** {@link halfToFloat} of every element, through a table of all 65536 halves. */
export function fromFloat16Bits(halves: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 0x10000 }, (_, bits) => halfToFloat(bits));
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = table[halves[i]!]!;
  return floats;
}
