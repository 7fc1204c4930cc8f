import type { Tensor } from "../../graph/tensor.ts";
import type { Fn, V128, Value } from "../../wasm/asm.ts";
import { tile2x16, writePanel } from "../../wasm/gemm.ts";
import type { WasmCaps, WasmKernel } from "../../wasm/kernel.ts";
import { PANEL, panels } from "../../wasm/panels.ts";
import { Writer } from "../../wasm/rows.ts";
import { f32x4, i32, read, widenHalves } from "../../wasm/simd.ts";

/**
 * Interpolation points ±p of F(m×m, 3×3), besides 0 and ∞. For F(4×4) these give less than half the error of the usual
 * ±1, ±2 (on such choices: Barabasz et al. 2020).
 */
const points: Readonly<Record<number, readonly number[]>> = { 2: [1], 4: [5 / 8, 3 / 2] };

/** The coefficients of Π (y − root), lowest power first. */
const polynomial = (roots: readonly number[]): number[] =>
  roots.reduce((p, root) => [...p, 0].map((_, k) => (p[k - 1] ?? 0) - root * (p[k] ?? 0)), [1]);
const squares = (pairs: readonly number[], but?: number) => pairs.filter((p) => p !== but).map((p) => p * p);

/** Σ factors[k] · values[k]. */
function weighted(factors: readonly number[], values: readonly V128[]): V128 {
  const terms = factors.flatMap((c, k) => (c === 0 ? [] : [{ c, v: values[k] }]));
  const sorted = [...terms.filter(({ c }) => c !== -1), ...terms.filter(({ c }) => c === -1)];
  const [first, ...rest] = sorted;
  const times = ({ c, v }: { c: number; v: V128 }) => (c === 1 ? v : f32x4.mul(v, f32x4.const(c)));
  return rest.reduce((sum, t) => (t.c === -1 ? f32x4.sub(sum, t.v) : f32x4.add(sum, times(t))), times(first));
}

/** Bᵀ d: m + 2 numbers of the picture. Rows are points 0, p, −p …, ∞: Lagrange's numerators. */
function ofPicture(f: Fn, m: number, d: readonly V128[]): V128[] {
  const all = polynomial(squares(points[m]));
  const every = (from: number) => d.filter((_, k) => k >= from && k % 2 === from % 2);
  return [
    weighted(all, every(0)),
    ...points[m].flatMap((p) => {
      const others = polynomial(squares(points[m], p));
      const even = f.let(weighted(others, every(2)));
      const odd = f.let(
        weighted(
          others.map((c) => c * p),
          every(1),
        ),
      );
      return [f32x4.add(even, odd), f32x4.sub(even, odd)];
    }),
    weighted(all, every(1)),
  ].map((v) => f.let(v));
}

/** G g: 3 weights at the same points, over Lagrange's denominators. */
function ofWeights(f: Fn, m: number, [g0, g1, g2]: readonly V128[]): V128[] {
  const [constant] = polynomial(squares(points[m]));
  return [
    weighted([1 / constant], [g0]),
    ...points[m].flatMap((p) => {
      const below = 2 * p * p * squares(points[m], p).reduce((n, q2) => n * (p * p - q2), 1);
      const even = f.let(weighted([1 / below, (p * p) / below], [g0, g2]));
      const odd = f.let(weighted([p / below], [g1]));
      return [f32x4.add(even, odd), f32x4.sub(even, odd)];
    }),
    g2,
  ].map((v) => f.let(v));
}

/** Aᵀ s: m + 2 products to m results. */
function ofProducts(f: Fn, m: number, s: readonly V128[]): V128[] {
  const pairs = points[m].map((_, k) => [s[2 * k + 1], s[2 * k + 2]]);
  const [sums, differences] = [f32x4.add, f32x4.sub].map((op) => pairs.map(([a, b]) => f.let(op(a, b))));
  return Array.from({ length: m }, (_, i) => {
    const factors = points[m].map((p) => p ** i);
    const ends = [...(i === 0 ? [s[0]] : []), ...(i === m - 1 ? [s[m + 1]] : [])];
    return f.let(weighted([...ends.map(() => 1), ...factors], [...ends, ...(i % 2 ? differences : sums)]));
  });
}

type Transform = typeof ofPicture;
/** A transform along the rows, then along the columns, of a grid of numbers. */
function both(f: Fn, m: number, transform: Transform, grid: readonly (readonly V128[])[]): V128[][] {
  const columns = grid[0].map((_, j) =>
    transform(
      f,
      m,
      grid.map((row) => row[j]),
    ),
  );
  return columns[0].map((_, i) =>
    transform(
      f,
      m,
      columns.map((column) => column[i]),
    ),
  );
}

const even = (n: number) => 2 * Math.ceil(n / 2);
const split = (n: number, most: number) => Math.ceil(n / Math.ceil(n / most));

/** Sizes of the blocks and offsets in the thread's scratch. */
function blocking(node: Tensor, m: number, { threads }: WasmCaps, counted = false) {
  const { n, ci, co, ho, wo } = node.op.dims(node);
  const products = (m + 2) ** 2;
  const [down, across] = [Math.ceil(ho / m), Math.ceil(wo / m)];
  const tiles = n * down * across;
  const batch = even(split(tiles, 64));
  const batches = Math.ceil(tiles / batch);
  const depth = 4 * Math.ceil(split(ci, 96) / 4);
  const panelCount = Math.ceil(co / PANEL);
  // A few items a thread; each transforms its part of the picture anew. Of what is counted, one batch may be all.
  const shares = Math.min(panelCount, counted ? 8 * threads : Math.ceil((4 * threads) / batches));
  const perItem = Math.max(counted ? 2 : 1, Math.ceil(panelCount / shares));
  // Steps between the products: not a power of two, which would crowd a few sets of the cache.
  const steps = { picture: 4 * batch * depth + 64, weights: 64 * depth + 64, sums: 64 * batch + 64 };
  const blockBytes = products * steps.picture;
  const sizes = {
    picture: Math.ceil(ci / depth) * blockBytes,
    weights: products * steps.weights,
    sums: products * steps.sums,
    pixels: 64 * m * m,
    table: 4 * products,
    zeros: 4 * ci + 16,
  };
  let bytes = 0;
  const offsets = Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, (bytes += size) - size]));
  const groups = Math.ceil(panelCount / perItem);
  return {
    products,
    down,
    across,
    tiles,
    batch,
    depth,
    panelCount,
    perItem,
    groups,
    steps,
    blockBytes,
    offsets,
    bytes,
    items: batches * groups,
  };
}

/**
 * Winograd's minimal filtering F(m×m, 3×3) (Lavin & Gray 2016, §4): m × m results from (m + 2)² products a channel
 * instead of 9 m². An item is a batch of tiles times some panels of 16 output channels. The picture's tiles are
 * transformed once an item; the weights, stored as for `conv2d.gemm`, are transformed in cache for every item, which
 * costs less than to stream four times their bytes and lets every layer of a network take part.
 *
 * Error against float64 where results have unit variance, for 32, 320, 1280 input channels: F(4×4) root mean square
 * 6e-7, 1.6e-6, 3.2e-6 and largest 4e-6, 1.1e-5, 2.4e-5; F(2×2) 2e-7, 6e-7, 1.1e-6 and 9e-7, 3e-6, 5e-6. The matrix
 * product, which adds more terms in a row, has 3e-7, 9e-7, 1.9e-6 and 2e-6, 7e-6, 1.2e-5.
 */
const winograd = (m: number, leastChannels: number): WasmKernel => ({
  name: `conv2d.winograd${m}`,
  accepts(node, { isParam }) {
    const { inputs, attrs } = node;
    const { kh, kw, ci } = node.op.dims(node);
    if (!isParam(inputs.weight)) return "its weight is computed, not a parameter that could be packed";
    if (kh !== 3 || kw !== 3 || attrs.stride !== 1 || attrs.dilation !== 1 || attrs.groups !== 1)
      return `it is ${kh}×${kw} with stride ${attrs.stride}, dilation ${attrs.dilation}, ${attrs.groups} groups`;
    return ci % 4 === 0 || `its ${ci} channels are not a multiple of 4`;
  },
  recommends(node) {
    const { n, ci, co, ho, wo } = node.op.dims(node);
    if (Math.max(ci, co) < leastChannels) return `${ci} → ${co} channels are too few to pay for the transforms`;
    const tiles = n * Math.ceil(ho / m) * Math.ceil(wo / m);
    return tiles >= 4 || `${tiles} tiles are too few to pay for transforming the weights`;
  },
  packings: ({ inputs }, { weightDtype }) => ({ weight: panels[weightDtype(inputs.weight)] }),
  items: (node, caps, counted) => blocking(node, m, caps, counted).items,
  ordered: (node, caps, counted) => blocking(node, m, caps, counted).groups,
  threadBytes: (node, caps) => blocking(node, m, caps).bytes,
  emit(emission) {
    const { f, node, dims, packings, operand, scratch, blocks, begin, end } = emission;
    const { ci, co, h, w, ho, wo } = dims;
    const { products, down, across, batch, depth, panelCount, perItem, groups, steps, blockBytes, offsets, ...all } =
      blocking(node, m, emission.caps, blocks !== undefined);
    const tiles = blocks?.most === dims.n ? f.let(i32.mul(blocks.given, down * across), "tiles") : all.tiles;
    const pad = node.attrs.pad as readonly number[];
    const size = m + 2;
    const half = packings.weight === panels.f16;
    const [x, weight] = [operand("x"), operand("weight")];
    const at = Object.fromEntries(
      Object.entries(offsets).map(([name, offset]) => [name, f.let(i32.add(scratch, offset), `${name}Block`)]),
    );
    const writer = new Writer(emission);
    const transformed = f.let(i32.sub(0, 1), "transformed");
    f.clear(at.zeros, 4 * ci + 16);

    f.range(begin, end, 1, (item) => {
      const group = f.let(i32.divU(item, groups), "batch");
      const first = f.let(i32.min(f.let(i32.mul(group, batch)), tiles), "first");
      const count = f.let(i32.min(i32.sub(tiles, first), batch));
      f.when(i32.ne(transformed, group), () => {
        f.set(transformed, group);
        f.range(0, count, 1, (t) => transformTile(t, f.let(i32.add(first, t))));
      });
      const panel0 = f.let(i32.mul(i32.remU(item, groups), perItem));
      // A batch may lie beyond the blocks that a run gives.
      const end = i32.select(f.let(i32.min(i32.add(panel0, perItem), panelCount)), panel0, count);
      f.range(panel0, f.let(end), 1, (panel) => {
        f.range(0, products, 1, (point) =>
          f.clear(i32.add(at.sums, i32.mul(point, steps.sums)), f.let(i32.mul(count, 64))),
        );
        f.range(0, ci, depth, (k) => {
          const length = ci % depth ? f.let(i32.min(i32.sub(ci, k), depth)) : depth;
          transformWeights(panel, k, length);
          const block = f.let(i32.add(at.picture, i32.mul(i32.divU(k, depth), blockBytes)));
          f.range(0, products, 1, (point) => {
            const from = f.let(i32.add(at.weights, i32.mul(point, steps.weights)));
            const to = f.let(i32.add(from, i32.mul(length, 64)), "to");
            const rows = f.let(i32.add(block, i32.mul(point, steps.picture)));
            const sums = f.let(i32.add(at.sums, i32.mul(point, steps.sums)));
            f.range(0, count, 2, (t) => {
              const row = f.let(i32.add(rows, i32.mul(t, 4 * depth)), "row");
              tile2x16(
                f,
                f.let(i32.add(sums, i32.mul(t, 64)), "tile"),
                [{ row }, { row, offset: 4 * depth }],
                from,
                to,
              );
            });
          });
        });
        f.range(0, count, 1, (t) => writeTile(t, f.let(i32.add(first, t)), f.let(i32.mul(panel, PANEL))));
      });
    });

    /** The place of a tile: its picture, and its first row and column in the result. */
    function locate(tile: Value<"i32">) {
      const line = f.let(i32.divU(tile, across));
      return {
        picture: f.let(i32.divU(line, down)),
        top: f.let(i32.mul(i32.remU(line, down), m)),
        left: f.let(i32.mul(i32.remU(tile, across), m)),
      };
    }

    /** Bᵀ d B of a tile, all channels, to the picture block: [⌈ci / depth⌉][(m + 2)²][batch][depth]. */
    function transformTile(t: Value<"i32">, tile: Value<"i32">): void {
      const { picture, top, left } = locate(tile);
      f.range(0, size, 1, (r) => {
        const i = f.let(i32.add(top, i32.sub(r, pad[0])));
        const line = f.let(i32.mul(i32.add(i32.mul(picture, h), i), w));
        f.range(0, size, 1, (s) => {
          const j = f.let(i32.add(left, i32.sub(s, pad[1])));
          const inside = i32.and(i32.ltU(i, h), i32.ltU(j, w));
          const pixel = i32.add(x, i32.mul(i32.add(line, j), 4 * ci));
          f.store(i32.add(at.table, i32.mul(i32.add(i32.mul(r, size), s), 4)), i32.select(pixel, at.zeros, inside));
        });
      });
      f.range(0, ci, depth, (k) => {
        const block = i32.add(at.picture, i32.mul(i32.divU(k, depth), blockBytes));
        const to = f.let(i32.add(block, i32.mul(t, 4 * depth)));
        const begin = f.let(i32.mul(k, 4));
        const end = f.let(i32.mul(i32.min(f.let(i32.add(k, depth)), ci), 4));
        f.range(begin, end, 16, (bytes) => {
          const grid = Array.from({ length: size }, (_, r) =>
            Array.from({ length: size }, (_, s) =>
              f.let(read.v128(i32.add(read.i32(at.table, 4 * (r * size + s)), bytes))),
            ),
          );
          both(f, m, ofPicture, grid)
            .flat()
            .forEach((v, point) => f.store(to, v, point * steps.picture));
          f.set(to, i32.add(to, 16));
        });
      });
    }

    /** G g Gᵀ of a panel's channels [k, k + length), to the weights block: [(m + 2)²][depth][16]. */
    function transformWeights(panel: Value<"i32">, k: Value<"i32">, length: Value<"i32"> | number): void {
      const [vector, tap] = [half ? 8 : 16, ci * PANEL * (half ? 2 : 4)];
      const from = f.let(i32.add(weight, i32.add(i32.mul(panel, 9 * tap), i32.mul(k, 4 * vector))), "from");
      const to = f.let(at.weights);
      const last = f.let(i32.add(from, i32.mul(length, 4 * vector)));
      f.loop(() => {
        const grid = [0, 1, 2].map((r) =>
          [0, 1, 2].map((s) => {
            const own = f.let(i32.add(from, (3 * r + s) * tap));
            return half ? f.let(widenHalves(f, own)) : f.let(read.v128(own));
          }),
        );
        both(f, m, ofWeights, grid)
          .flat()
          .forEach((v, point) => f.store(to, v, point * steps.weights));
        f.set(from, i32.add(from, vector));
        f.set(to, i32.add(to, 16));
        return i32.ne(from, last);
      });
    }

    /** Aᵀ s A of a tile's 16 channels from `column` on, through the epilogue to the result. */
    function writeTile(t: Value<"i32">, tile: Value<"i32">, column: Value<"i32">): void {
      const { picture, top, left } = locate(tile);
      f.range(0, 64, 16, (bytes) => {
        const own = f.let(i32.add(at.sums, i32.add(i32.mul(t, 64), bytes)));
        const grid = Array.from({ length: size }, (_, r) =>
          Array.from({ length: size }, (_, s) => f.let(read.v128(own, (r * size + s) * steps.sums))),
        );
        const to = f.let(i32.add(at.pixels, bytes));
        both(f, m, ofProducts, grid)
          .flat()
          .forEach((v, pixel) => f.store(to, v, 64 * pixel));
      });
      f.range(0, m, 1, (r) => {
        const i = f.let(i32.add(top, r));
        const line = f.let(i32.mul(i32.add(i32.mul(picture, ho), i), wo));
        f.range(0, m, 1, (s) => {
          const j = f.let(i32.add(left, s));
          f.when(i32.and(i32.ltU(i, ho), i32.ltU(j, wo)), () => {
            const own = f.let(i32.add(at.pixels, i32.mul(i32.add(i32.mul(r, m), s), 64)));
            writePanel(f, writer.row(f.let(i32.add(line, j))), column, co, (v) => read.v128(own, 16 * v));
          });
        });
      });
    }
  },
});

export const winograd4 = winograd(4, 32);
export const winograd2 = winograd(2, 8);
