import { operandStrides, physicalOrder } from "../plan/layout.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";
import { int, type Fn, type I32, type Value, type V128 } from "./asm.ts";
import type { Emission } from "./kernel.ts";
import { printExpr } from "./printExpr.ts";
import { i32, read } from "./simd.ts";

interface Dim {
  readonly size: number;
  /** For each tensor, elements between neighbours. */
  readonly strides: readonly number[];
}

export interface RowOptions {
  /** The logical dimension along a row; the innermost on the device if not given. */
  readonly inner?: number;
  /** Lets rows run on through outer dimensions where all tensors do. */
  readonly merge?: boolean;
}

const CHUNK = 4096;

/** The positions of a shape as rows of vectors, with the addresses of tensors that broadcast to it. */
export class Rows {
  /** Elements along a row. */
  readonly width: number;
  readonly count: number;
  readonly #outer: readonly Dim[];
  readonly #inner: Dim;

  /** `strides` holds one list per tensor: elements between neighbours along each logical dimension of `shape`. */
  constructor(shape: Shape, strides: readonly (readonly number[])[], { inner, merge = false }: RowOptions = {}) {
    const order = [...physicalOrder(shape.length)];
    if (inner !== undefined) order.push(...order.splice(order.indexOf(inner), 1));
    const dims = order.map((d): Dim => ({ size: shape[d], strides: strides.map((s) => s[d]) }));
    this.#inner = dims.pop() ?? { size: 1, strides: strides.map(() => 0) };
    const outer: Dim[] = [];
    for (const dim of dims) {
      const last = outer.at(-1);
      if (dim.size === 1) continue;
      if (last && follows(last, dim)) outer.splice(-1, 1, { size: last.size * dim.size, strides: dim.strides });
      else outer.push(dim);
    }
    const last = outer.at(-1);
    if (merge && last && (this.#inner.size === 1 || follows(last, this.#inner))) {
      this.#inner = {
        size: last.size * this.#inner.size,
        strides: this.#inner.size === 1 ? last.strides : this.#inner.strides,
      };
      outer.pop();
    }
    this.#outer = outer;
    this.width = this.#inner.size;
    this.count = outer.reduce((n, d) => n * d.size, 1);
  }

  /** The rows of a result, tensor 0, and of operands that broadcast to it. */
  static of(shape: Shape, operands: readonly Shape[], options?: RowOptions): Rows {
    return new Rows(
      shape,
      [shape, ...operands].map((t) => operandStrides(t, shape)),
      options,
    );
  }

  /** Work items: rows, or 4096 elements of a long one. */
  get items(): number {
    return this.count * this.#chunks;
  }

  get #chunks(): number {
    return Math.ceil(this.width / CHUNK);
  }

  /** The row of a work item and the columns [from, to) in it. */
  part(f: Fn, item: Value<"i32">): { row: Value<"i32">; from: I32; to: I32 } {
    if (this.#chunks === 1) return { row: item, from: 0, to: this.width };
    const from = f.let(i32.mul(i32.remU(item, this.#chunks), CHUNK));
    return { row: f.let(i32.divU(item, this.#chunks)), from, to: f.let(i32.min(i32.add(from, CHUNK), this.width)) };
  }

  /** The addresses of the row's first element in each tensor, given the tensors' addresses. */
  locate(f: Fn, row: Value<"i32">, bases: readonly Value<"i32">[]): Value<"i32">[] {
    const steps = bases.map((_, k) => this.#rowStep(k));
    const indices: Value<"i32">[] = [];
    if (steps.includes(undefined)) {
      let rest = row;
      for (let d = this.#outer.length - 1; d >= 0; d--) {
        indices[d] = d ? f.let(i32.remU(rest, this.#outer[d].size)) : rest;
        if (d) rest = f.let(i32.divU(rest, this.#outer[d].size));
      }
    }
    return bases.map((base, k) => {
      const step = steps[k];
      const terms =
        step !== undefined
          ? [i32.mul(row, 4 * step)]
          : this.#outer.flatMap(({ strides }, d) => (strides[k] ? [i32.mul(indices[d], 4 * strides[k])] : []));
      return step === 0
        ? base
        : f.let(
            terms.reduce((sum, term) => i32.add(sum, term), base),
            "row",
          );
    });
  }

  /** Elements from one row of tensor k to the next, if that is the same throughout. */
  #rowStep(k: number): number | undefined {
    const own = this.#outer.map(({ size, strides }) => ({ size, strides: [strides[k]] }));
    return own.every((dim, d) => d === 0 || follows(own[d - 1], dim)) ? (own.at(-1)?.strides[0] ?? 0) : undefined;
  }

  /** `lanes` numbers of tensor k, from `(bytes + offset) / 4` elements into the row at `address`. */
  load(k: number, address: I32, bytes: I32, lanes = 4, offset = 0): V128 {
    const step = this.#inner.strides[k];
    if (step === 1) return read.v128(i32.add(address, bytes), offset);
    if (step === 0) return read.splat(address);
    const first = i32.add(address, i32.mul(bytes, step));
    let lane = read.splat(first, offset * step);
    for (let l = 1; l < lanes; l++) lane = read.lane(first, lane, l, (offset + 4 * l) * step);
    return lane;
  }

  /** Stores `lanes` numbers to tensor k. */
  store(f: Fn, k: number, address: I32, bytes: I32, value: V128, lanes = 4, offset = 0): void {
    const step = this.#inner.strides[k];
    if (step === 1 && lanes === 4) return f.store(i32.add(address, bytes), value, offset);
    const kept = f.let(value);
    const first = f.let(i32.add(address, i32.mul(bytes, step)));
    for (let l = 0; l < lanes; l++) f.storeLane(first, kept, l, (offset + 4 * l) * step);
  }

  /** Whether the elements of a row of tensor k lie side by side. */
  isDense(k: number): boolean {
    return this.#inner.strides[k] === 1;
  }

  /** Whether tensor k has one number for the whole row. */
  isConstant(k: number): boolean {
    return this.#inner.strides[k] === 0;
  }
}

const follows = (outer: Dim, inner: Dim) => outer.strides.every((s, k) => s === inner.size * inner.strides[k]);

/** Visits a row of `width` elements (or its part [from, to), `from` a multiple of 4) four at a time; the last may be fewer. */
export function columns(
  f: Fn,
  width: number,
  body: (bytes: Value<"i32">, lanes: number) => void,
  from: I32 = 0,
  to: I32 = width,
): void {
  columnsInTurns(f, width, 1, (bytes, _offset, lanes) => body(bytes, lanes), from, to);
}

/**
 * Visits a row (or its part [from, to), `from` a multiple of 4 · `times`, `to` as well or the row's end) `times` vectors in
 * a turn, each at `bytes + offset`, their statements interleaved: `k` is a vector's number in the turn, for chains that do
 * not wait on each other.
 */
export function columnsInTurns(
  f: Fn,
  width: number,
  times: number,
  body: (bytes: Value<"i32">, offset: number, lanes: number, k: number) => void,
  from: I32 = 0,
  to: I32 = width,
): void {
  const whole = width - (width % (4 * times));
  const end = to === width ? 4 * whole : f.let(i32.mul(i32.min(to, whole), 4));
  const turn = (bytes: Value<"i32">) => f.interleave(times, (k) => body(bytes, 16 * k, 4, k));
  f.range(i32.mul(from, 4), end, 16 * times, turn, "c");
  if (whole === width) return;
  const rest = () =>
    f.interleave(Math.ceil((width - whole) / 4), (k) =>
      body(int(4 * whole), 16 * k, Math.min(4, width - whole - 4 * k), k),
    );
  if (to === width) rest();
  else f.when(i32.leS(width, to), rest);
}

/** Sends a kernel's numbers to its result, through the epilogue that the node may have. */
export class Writer {
  readonly rows: Rows;
  readonly #emission: Emission;
  readonly #operands: readonly Tensor[];

  constructor(emission: Emission, options: RowOptions = {}) {
    const { node } = emission;
    this.#emission = emission;
    this.#operands = node.epilogue?.operands ?? [];
    this.rows = Rows.of(
      node.shape,
      this.#operands.map((t) => t.shape),
      options,
    );
  }

  /** Opens a row of the result: what it returns stores `lanes` numbers `bytes + offset` into that row. */
  row(row: Value<"i32">): (bytes: I32, value: V128, lanes?: number, offset?: number) => void {
    const { f, node, result, operand } = this.#emission;
    const [y, ...others] = this.rows.locate(f, row, [result, ...this.#operands.map((_, k) => operand(`e${k}`))]);
    const constants = others.map((a, k) =>
      this.rows.isConstant(k + 1) ? f.let(this.rows.load(k + 1, a, 0)) : undefined,
    );
    return (bytes, value, lanes = 4, offset = 0) => {
      let written = value;
      if (node.epilogue) {
        const loaded = others.map((a, k) => constants[k] ?? f.let(this.rows.load(k + 1, a, bytes, lanes, offset)));
        written = printExpr(f, node.epilogue.expr, [f.let(value), ...loaded]);
      }
      this.rows.store(f, 0, y, bytes, written, lanes, offset);
    };
  }
}
