import {
  instruction,
  int,
  leb,
  type F32,
  type F64,
  type Fn,
  type I32,
  type Type,
  type V128,
  type Value,
} from "./asm.ts";

const fold: Record<string, (a: number, b: number) => number> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: Math.imul,
};
const integer =
  (name: string, code: number) =>
  (a: I32, b: I32): Value<"i32"> => {
    const [x, y] = [int(a), int(b)];
    if (name in fold && x.constant !== undefined && y.constant !== undefined)
      return int(fold[name](x.constant, y.constant));
    if (y.constant === 0 && (name === "add" || name === "sub")) return x;
    if (x.constant === 0 && name === "add") return y;
    if (y.constant === 1 && (name === "mul" || name === "div_u")) return x;
    return instruction("i32", `i32.${name}`, [code], x, y);
  };
/** Whole numbers of 32 bits; operands may be given as numbers, and constants fold. */
export const i32 = {
  add: integer("add", 0x6a),
  sub: integer("sub", 0x6b),
  mul: integer("mul", 0x6c),
  divU: integer("div_u", 0x6e),
  remU: integer("rem_u", 0x70),
  and: integer("and", 0x71),
  shl: integer("shl", 0x74),
  eq: integer("eq", 0x46),
  ne: integer("ne", 0x47),
  ltS: integer("lt_s", 0x48),
  ltU: integer("lt_u", 0x49),
  leS: integer("le_s", 0x4c),
  geU: integer("ge_u", 0x4f),
  /** `test ? a : b`, both computed. */
  select: (a: I32, b: I32, test: Value<"i32">) => instruction("i32", "select", [0x1b], int(a), int(b), test),
  /** The smaller one; each is computed twice. */
  min: (a: I32, b: I32) => i32.select(a, b, i32.ltS(a, b)),
  /** Towards zero. */
  trunc: (x: F32) => instruction("i32", "i32.trunc_f32_s", [0xa8], x),
};

const scalar =
  <T extends "f32" | "f64">(type: T, name: string, code: number) =>
  (a: Value<T>, b: Value<T>): Value<T> =>
    instruction(type, `${type}.${name}`, [code], a, b);
const floatBytes = (x: number, bytes: 4 | 8): number[] => {
  const view = new DataView(new ArrayBuffer(bytes));
  if (bytes === 4) view.setFloat32(0, x, true);
  else view.setFloat64(0, x, true);
  return [...new Uint8Array(view.buffer)];
};
export const f32 = {
  const: (x: number): F32 => instruction("f32", `f32.const ${Math.fround(x)}`, [0x43, ...floatBytes(x, 4)]),
  add: scalar("f32", "add", 0x92),
  sub: scalar("f32", "sub", 0x93),
  mul: scalar("f32", "mul", 0x94),
  div: scalar("f32", "div", 0x95),
  max: scalar("f32", "max", 0x97),
  sqrt: (a: F32): F32 => instruction("f32", "f32.sqrt", [0x91], a),
  fromI32: (a: I32): F32 => instruction("f32", "f32.convert_i32_s", [0xb2], int(a)),
  fromF64: (a: F64): F32 => instruction("f32", "f32.demote_f64", [0xb6], a),
};
export const f64 = {
  const: (x: number): F64 => instruction("f64", `f64.const ${x}`, [0x44, ...floatBytes(x, 8)]),
  add: scalar("f64", "add", 0xa0),
  sub: scalar("f64", "sub", 0xa1),
  mul: scalar("f64", "mul", 0xa2),
  div: scalar("f64", "div", 0xa3),
  max: scalar("f64", "max", 0xa5),
  sqrt: (a: F64): F64 => instruction("f64", "f64.sqrt", [0x9f], a),
  fromI32: (a: I32): F64 => instruction("f64", "f64.convert_i32_s", [0xb7], int(a)),
};

const simd = <T extends Type>(type: T, name: string, code: number, ...args: Value[]): Value<T> =>
  instruction(type, name, [0xfd, ...leb(code)], ...args);
const vector =
  (name: string, code: number) =>
  (a: V128, b: V128): V128 =>
    simd("v128", name, code, a, b);
const vector1 =
  (name: string, code: number) =>
  (a: V128): V128 =>
    simd("v128", name, code, a);
const shift =
  (name: string, code: number) =>
  (a: V128, by: number): V128 =>
    simd("v128", name, code, a, int(by));

export const f32x4 = {
  const: (x: number): V128 =>
    instruction("v128", `v128.const f32x4 ${Math.fround(x)}`, [
      0xfd,
      12,
      ...[x, x, x, x].flatMap((y) => floatBytes(y, 4)),
    ]),
  splat: (a: F32): V128 => simd("v128", "f32x4.splat", 19, a),
  lane: (a: V128, lane: number): F32 => instruction("f32", `f32x4.extract_lane ${lane}`, [0xfd, 31, lane], a),
  add: vector("f32x4.add", 0xe4),
  sub: vector("f32x4.sub", 0xe5),
  mul: vector("f32x4.mul", 0xe6),
  div: vector("f32x4.div", 0xe7),
  /** The smaller one; `a` if either is NaN. */
  min: vector("f32x4.pmin", 0xea),
  /** The larger one; `a` if either is NaN. */
  max: vector("f32x4.pmax", 0xeb),
  /** By a mask: a constant stays in a register, where engines make the mask of `f32x4.abs` anew each time. */
  abs: (a: V128): V128 => v128.and(a, i32x4.const(0x7fffffff)),
  sqrt: vector1("f32x4.sqrt", 0xe3),
};
export const f64x2 = {
  /** Lanes 0 and 1, widened. */
  low: vector1("f64x2.promote_low_f32x4", 0x5f),
  splat: (a: F64): V128 => simd("v128", "f64x2.splat", 20, a),
  add: vector("f64x2.add", 0xf0),
  mul: vector("f64x2.mul", 0xf2),
};
export const i32x4 = {
  const: (x: number): V128 =>
    instruction("v128", `v128.const i32x4 ${x | 0}`, [
      0xfd,
      12,
      ...[0, 0, 0, 0].flatMap(() => [x & 255, (x >> 8) & 255, (x >> 16) & 255, (x >> 24) & 255]),
    ]),
  add: vector("i32x4.add", 0xae),
  shl: shift("i32x4.shl", 0xab),
};
export const v128 = {
  and: vector("v128.and", 0x4e),
  or: vector("v128.or", 0x50),
  /** Lanes of a (0 to 3) and b (4 to 7) by number. */
  shuffle: (a: V128, b: V128, lanes: readonly [number, number, number, number]): V128 => {
    const bytes = lanes.flatMap((l) => [4 * l, 4 * l + 1, 4 * l + 2, 4 * l + 3]);
    return instruction("v128", `i8x16.shuffle(${lanes.join(" ")})`, [0xfd, 13, ...bytes], a, b);
  },
};

const load =
  <T extends Type>(type: T, name: string, code: number[], align: number) =>
  (address: I32, offset = 0): Value<T> =>
    instruction(type, `${name}${offset ? ` offset=${offset}` : ""}`, [...code, align, ...leb(offset)], int(address));
/** Loads at `address + offset`. */
export const read = {
  i32: load("i32", "i32.load", [0x28], 2),
  f32: load("f32", "f32.load", [0x2a], 2),
  f64: load("f64", "f64.load", [0x2b], 3),
  v128: load("v128", "v128.load", [0xfd, 0], 2),
  /** One f32 in all lanes. */
  splat: load("v128", "v128.load32_splat", [0xfd, 9], 2),
  /** Four 16-bit numbers, sign-extended to 32. */
  i16x4: load("v128", "v128.load16x4_s", [0xfd, 3], 1),
  /** `into` with one lane replaced. */
  lane: (address: I32, into: V128, lane: number, offset = 0): V128 =>
    instruction(
      "v128",
      `v128.load32_lane offset=${offset} ${lane}`,
      [0xfd, 0x56, 2, ...leb(offset), lane],
      int(address),
      into,
    ),
};

/** a · b + c: with relaxed SIMD in one step, rounded once where the processor can; else in two. */
export const multiplyAdd = (f: Pick<Fn, "relaxed">, a: V128, b: V128, c: V128): V128 =>
  f.relaxed ? simd("v128", "f32x4.relaxed_madd", 0x105, a, b, c) : f32x4.add(c, f32x4.mul(a, b));

/** c − a · b, likewise. */
export const multiplySubtract = (f: Fn, a: V128, b: V128, c: V128): V128 =>
  f.relaxed ? simd("v128", "f32x4.relaxed_nmadd", 0x106, a, b, c) : f32x4.sub(c, f32x4.mul(a, b));

/** A vector with its lanes from `lanes` on replaced by those of `filler`. */
export const keepLanes = (value: V128, lanes: number, filler: V128): V128 =>
  lanes === 4 ? value : v128.shuffle(value, filler, [0, lanes > 1 ? 1 : 4, lanes > 2 ? 2 : 4, 4]);
/** Σ of the lanes. */
export const sumLanes = (a: V128): F32 =>
  f32.add(f32.add(f32x4.lane(a, 0), f32x4.lane(a, 1)), f32.add(f32x4.lane(a, 2), f32x4.lane(a, 3)));
/** Lane i is all lanes of vector i, put together by `op`. */
export function reduceLanes(f: Fn, [a, b, c, d]: readonly V128[], op: (x: V128, y: V128) => V128): V128 {
  const pairs = (x: V128, y: V128) => f.let(op(v128.shuffle(x, y, [0, 4, 1, 5]), v128.shuffle(x, y, [2, 6, 3, 7])));
  const [ab, cd] = [pairs(a, b), pairs(c, d)];
  return f.let(op(v128.shuffle(ab, cd, [0, 1, 4, 5]), v128.shuffle(ab, cd, [2, 3, 6, 7])));
}
/** The largest of the lanes. */
export const maxLanes = (a: V128): F32 =>
  f32.max(f32.max(f32x4.lane(a, 0), f32x4.lane(a, 1)), f32.max(f32x4.lane(a, 2), f32x4.lane(a, 3)));
/** Four halves at `address + offset`, as f32. Exact for all finite halves; infinities become 65536. */
export function widenHalves(address: I32, offset = 0): V128 {
  // Exponent and mantissa move to where an f32 has them, below a sign that stands in all upper bits; the product puts the
  // exponent's bias right.
  const bits = v128.and(i32x4.shl(read.i16x4(address, offset), 13), i32x4.const(0x8fffffff));
  return f32x4.mul(bits, f32x4.const(2 ** 112));
}
