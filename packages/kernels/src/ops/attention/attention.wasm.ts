import type { Tensor } from "../../graph/tensor.ts";
import type { Fn, I32, Local, V128, Value } from "../../wasm/asm.ts";
import type { WasmCaps, WasmKernel } from "../../wasm/kernel.ts";
import { exp2 } from "../../wasm/printExpr.ts";
import { columns, Rows } from "../../wasm/rows.ts";
import { f32, f32x4, i32, multiplyAdd, read, reduceLanes, v128 } from "../../wasm/simd.ts";

const up = (n: number, to: number) => to * Math.ceil(n / to);

/** Queries that share packed keys and values. */
const mostQueries = 128;

/** Of how many parts the queries that a run gives are made: so many that every thread has some. */
const partsOf = (queries: number, heads: number, { threads }: WasmCaps) =>
  Math.max(Math.ceil(queries / mostQueries), Math.ceil(threads / heads));

/** Sizes of the blocks and offsets in the thread's scratch. */
function blocking(node: Tensor) {
  const { n, t, s, e, d } = node.op.dims(node);
  const heads = node.attrs.heads as number;
  const queries = Math.min(mostQueries, up(t, 4));
  // A block of keys and values should stay in the first-level cache.
  const keys = Math.min(up(s, 8), Math.max(32, Math.min(128, up(4096 / d - 7, 8))));
  const [depth, width] = [up(d, 4), up(d, 8)];
  const sizes = {
    q: 4 * queries * depth,
    k: 4 * keys * depth,
    v: 4 * keys * width,
    weights: 4 * 4 * keys,
    sums: 4 * queries * width,
    largest: 4 * queries,
    totals: 4 * queries,
  };
  let bytes = 0;
  const offsets = Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, (bytes += size) - size]));
  const blocks = Math.ceil(t / queries);
  return { t, s, e, d, heads, queries, keys, depth, width, blocks, items: n * heads * blocks, offsets, bytes };
}

/**
 * Streamed attention (Milakov & Gimelshein 2018; Dao et al. 2022, alg. 1): blocks of keys pass by, and each query keeps
 * its largest logit, its sum and its running result, so the t × s weights never exist. An item is 128 queries of a head.
 * Products run on tiles of 4 queries × 8 columns over keys transposed, and values regrouped, in panels of 8.
 */
export const streamed: WasmKernel = {
  name: "attention.streamed[4x8]",
  accepts: () => true,
  items: (node) => blocking(node).items,
  // Of pictures that are made of blocks there is one.
  itemsOf(node, caps, given, most) {
    const heads = node.attrs.heads as number;
    return heads * partsOf((given * node.shape[1]) / most, heads, caps);
  },
  threadBytes: (node) => blocking(node).bytes,
  emit({ f, node, caps, operand, result, scratch, blocks: given, begin, end }) {
    const { t, s, e, d, heads, keys, depth, width, blocks, offsets, ...all } = blocking(node);
    const { causal, kind } = node.attrs;
    const relu = kind === "relu";
    const base = Object.fromEntries(
      Object.entries(offsets).map(([name, offset]) => [name, f.let(i32.add(scratch, offset), `${name}Block`)]),
    );
    const rows = Rows.of([1, d], []);

    // Queries that are made of blocks are as many as a run gives.
    const last = given ? f.let(i32.mul(given.given, t / given.most), "last") : t;
    const queries = given ? evenPart(last) : all.queries;
    f.range(begin, end, 1, (item) => {
      const block = f.let(i32.divU(item, heads));
      const batch = given ? 0 : f.let(i32.divU(block, blocks));
      const channel = f.let(i32.mul(i32.remU(item, heads), 4 * d));
      const head0 = (name: string, tokens: number) =>
        f.let(i32.add(i32.add(operand(name), i32.mul(batch, 4 * tokens * e)), channel), name);
      const [q, k, v] = [head0("q", t), head0("k", s), head0("v", s)];
      const first = f.let(i32.mul(given ? block : i32.remU(block, blocks), queries), "first");
      f.when(i32.ltS(first, last), () => attend(q, k, v, batch, first, channel));
    });

    /** How many queries an item has, where `all` are divided: see `partsOf`. */
    function evenPart(all: I32): Value<"i32"> {
      const over = (a: I32, b: I32) => f.let(i32.divU(i32.add(a, i32.sub(b, 1)), b));
      const [parts, least] = [over(all, mostQueries), Math.ceil(caps.threads / heads)];
      return f.let(i32.mul(over(over(all, i32.select(parts, least, i32.ltS(least, parts))), 4), 4), "queries");
    }

    function attend(q: Value<"i32">, k: Value<"i32">, v: Value<"i32">, batch: I32, first: Value<"i32">, channel: I32) {
      const count = f.let(i32.min(f.let(i32.sub(last, first)), queries), "count");
      copyQueries(q, first);
      f.clear(base.sums, i32.mul(queries, 4 * width));
      f.clear(base.totals, i32.mul(queries, 4));
      f.range(0, i32.mul(queries, 4), 16, (bytes) => f.store(i32.add(base.largest, bytes), f32x4.const(-Infinity)));

      const seen = causal ? f.let(i32.add(first, count)) : s;
      f.range(0, seen, keys, (key) => {
        const here = s % keys ? f.let(i32.min(i32.sub(s, key), keys), "here") : keys;
        packKeys(k, key, here);
        packValues(v, key, here);
        f.range(0, count, 4, (r) => {
          logits(r, here);
          mask(f.let(i32.add(first, r)), key, here);
          const factors = relu ? undefined : softmax(r, here);
          if (relu) alongKeys(here, (a, _, at) => f.store(a, f32x4.max(read.v128(a, at), f32x4.const(0)), at));
          weighValues(r, here, factors);
        });
      });

      f.range(0, count, 1, (r) => {
        const token = i32.add(i32.mul(batch, t), i32.add(first, r));
        const y = f.let(i32.add(i32.add(result, i32.mul(token, 4 * e)), channel));
        const own = f.let(i32.add(base.sums, i32.mul(r, 4 * width)));
        const total = relu ? f32.const(s) : read.f32(i32.add(base.totals, i32.mul(r, 4)));
        const scale = f.let(f32x4.splat(f32.div(f32.const(1), total)));
        columns(f, d, (bytes, lanes) =>
          rows.store(f, 0, y, bytes, f32x4.mul(read.v128(i32.add(own, bytes)), scale), lanes),
        );
      });
    }

    /** Queries / √d, for softmax also · log₂ e, so that powers are of two; the last one repeated to fill the block. */
    function copyQueries(q: Value<"i32">, first: Value<"i32">): void {
      f.range(0, queries, 1, (r) => {
        const row = f.let(i32.add(first, r));
        const from = f.let(i32.add(q, i32.mul(i32.min(row, t - 1), 4 * e)));
        const to = f.let(i32.add(base.q, i32.mul(r, 4 * depth)));
        f.range(0, 4 * depth, 16, (bytes) =>
          f.store(
            i32.add(to, bytes),
            f32x4.mul(read.v128(i32.add(from, bytes)), f32x4.const((relu ? 1 : Math.LOG2E) / Math.sqrt(d))),
          ),
        );
      });
    }

    /** Keys as [here / 8][depth][8]: transposed four by four. */
    function packKeys(k: Value<"i32">, key: Value<"i32">, here: Value<"i32"> | number): void {
      f.range(0, here, 4, (j) => {
        const from = [0, 1, 2, 3].map((l) => {
          const row = f.let(i32.add(key, i32.add(j, l)));
          return f.let(i32.add(k, i32.mul(i32.min(row, s - 1), 4 * e)));
        });
        const panel = i32.mul(i32.divU(j, 8), 32 * depth);
        const to = f.let(i32.add(base.k, i32.add(panel, i32.mul(i32.and(j, 4), 4))));
        f.range(0, 4 * depth, 16, (bytes) => {
          const [a, b, c, z] = from.map((row) => f.let(read.v128(i32.add(row, bytes))));
          const [ab0, ab1] = [f.let(v128.shuffle(a, b, [0, 4, 1, 5])), f.let(v128.shuffle(a, b, [2, 6, 3, 7]))];
          const [cz0, cz1] = [f.let(v128.shuffle(c, z, [0, 4, 1, 5])), f.let(v128.shuffle(c, z, [2, 6, 3, 7]))];
          const at = f.let(i32.add(to, i32.mul(bytes, 8)));
          f.store(at, v128.shuffle(ab0, cz0, [0, 1, 4, 5]), 0);
          f.store(at, v128.shuffle(ab0, cz0, [2, 3, 6, 7]), 32);
          f.store(at, v128.shuffle(ab1, cz1, [0, 1, 4, 5]), 64);
          f.store(at, v128.shuffle(ab1, cz1, [2, 3, 6, 7]), 96);
        });
      });
    }

    /** Values as [width / 8][keys][8]. */
    function packValues(v: Value<"i32">, key: Value<"i32">, here: Value<"i32"> | number): void {
      f.range(0, here, 1, (j) => {
        const from = f.let(i32.add(v, i32.mul(i32.add(key, j), 4 * e)));
        const to = f.let(i32.add(base.v, i32.mul(j, 32)));
        f.range(0, 4 * depth, 16, (bytes) => {
          const panel = i32.mul(i32.divU(bytes, 32), 32 * keys);
          f.store(i32.add(to, i32.add(panel, i32.and(bytes, 16))), read.v128(i32.add(from, bytes)));
        });
      });
    }

    /** weights[4][keys] = queries · keysᵀ. */
    function logits(r: Value<"i32">, here: Value<"i32"> | number): void {
      const row = f.let(i32.add(base.q, i32.mul(r, 4 * depth)));
      f.range(0, here, 8, (j) => {
        const panel = f.let(i32.add(base.k, i32.mul(j, 4 * depth)));
        const acc = Array.from({ length: 8 }, () => f.let(f32x4.const(0), "acc"));
        tile4x8(f, acc, row, 4 * depth, panel, 32 * d);
        const to = f.let(i32.add(base.weights, i32.mul(j, 4)));
        acc.forEach((sum, i) => f.store(to, sum, (i >> 1) * 4 * keys + (i & 1) * 16));
      });
    }

    /** Takes out keys that a query must not see, and those that only fill the block. */
    function mask(query: Value<"i32">, key: Value<"i32">, here: Value<"i32"> | number): void {
      if (!causal && s % 8 === 0) return;
      const filled = f.let(filledUp(here));
      for (let i = 0; i < 4; i++) {
        const visible = causal ? f.let(i32.sub(i32.add(query, i + 1), key)) : here;
        const from = causal ? f.let(i32.min(f.let(i32.select(visible, 0, i32.ltS(0, visible))), here)) : here;
        f.range(from, filled, 1, (j) =>
          f.store(i32.add(base.weights, i32.mul(j, 4)), f32.const(relu ? 0 : -Infinity), 4 * keys * i),
        );
      }
    }

    /** `here`, rounded up to whole panels. */
    function filledUp(here: Value<"i32"> | number): Value<"i32"> {
      return i32.mul(typeof here === "number" ? up(here, 8) / 8 : i32.divU(i32.add(here, 7), 8), 8);
    }

    /** Visits the weights of the four queries, eight keys at a time: query i's are at offsets `4 · keys · i` and 16 on. */
    function alongKeys(here: Value<"i32"> | number, body: (a: Value<"i32">, i: number, offset: number) => void): void {
      const end = i32.mul(filledUp(here), 4);
      f.range(0, end.constant ?? f.let(end), 32, (bytes) => {
        const a = f.let(i32.add(base.weights, bytes));
        for (let i = 0; i < 4; i++) for (const at of [0, 16]) body(a, i, 4 * keys * i + at);
      });
    }

    /** Logits → 2^(logit − largest so far); returns what the four running results must be multiplied with. */
    function softmax(r: Value<"i32">, here: Value<"i32"> | number): V128 {
      const four = (x: number) => [0, 1, 2, 3].map(() => f.let(f32x4.const(x)));
      const own = f.let(i32.mul(r, 4));
      const maxima = four(-Infinity);
      alongKeys(here, (a, i, offset) => f.set(maxima[i], f32x4.max(maxima[i], read.v128(a, offset))));
      const old = f.let(read.v128(i32.add(base.largest, own)));
      const largest = f.let(f32x4.max(old, reduceLanes(f, maxima, f32x4.max)));
      f.store(i32.add(base.largest, own), largest);
      const factors = f.let(exp2(f, f32x4.sub(old, largest)), "factors");
      const offsets = [0, 1, 2, 3].map((i) => f.let(f32x4.splat(f32x4.lane(largest, i))));
      const sums = four(0);
      alongKeys(here, (a, i, offset) => {
        const power = exp2(f, f32x4.sub(read.v128(a, offset), offsets[i]));
        f.store(a, power, offset);
        f.set(sums[i], f32x4.add(sums[i], power));
      });
      const totals = i32.add(base.totals, own);
      f.store(totals, f32x4.add(f32x4.mul(read.v128(totals), factors), reduceLanes(f, sums, f32x4.add)));
      return factors;
    }

    /** sums = sums · factors + weights · values. */
    function weighValues(r: Value<"i32">, here: Value<"i32"> | number, factors: V128 | undefined): void {
      const own = f.let(i32.add(base.sums, i32.mul(r, 4 * width)));
      const scales = factors && [0, 1, 2, 3].map((i) => f.let(f32x4.splat(f32x4.lane(factors, i))));
      f.range(0, width / 8, 1, (panel) => {
        const to = f.let(i32.add(own, i32.mul(panel, 32)));
        const place = (i: number) => (i >> 1) * 4 * width + (i & 1) * 16;
        const acc = Array.from({ length: 8 }, (_, i) => {
          const sum = read.v128(to, place(i));
          return f.let(scales ? f32x4.mul(sum, scales[i >> 1]) : sum, "acc");
        });
        const values = f.let(i32.add(base.v, i32.mul(panel, 32 * keys)));
        tile4x8(f, acc, base.weights, 4 * keys, values, i32.mul(here, 32));
        acc.forEach((sum, i) => f.store(to, sum, place(i)));
      });
    }
  },
};

/** acc[4][2] += rows · panel: 4 rows that are `step` bytes apart times 8 columns, `bytes / 32` deep. */
function tile4x8(
  f: Fn,
  acc: readonly Local<"v128">[],
  rows: Value<"i32">,
  step: number,
  panel: Value<"i32">,
  bytes: Value<"i32"> | number,
): void {
  const [a, b] = [f.let(rows, "a"), f.let(panel, "b")];
  const to = f.let(i32.add(b, bytes));
  f.loop(() => {
    const columns = [f.let(read.v128(b)), f.let(read.v128(b, 16))];
    for (let i = 0; i < 4; i++) {
      const weight = f.let(read.splat(a, i * step));
      columns.forEach((c, j) => f.set(acc[2 * i + j], multiplyAdd(f, weight, c, acc[2 * i + j])));
    }
    f.set(a, i32.add(a, 4));
    f.set(b, i32.add(b, 32));
    return i32.ne(b, to);
  });
}

export const ladder: readonly WasmKernel[] = [streamed];
