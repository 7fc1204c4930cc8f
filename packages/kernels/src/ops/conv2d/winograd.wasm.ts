import type { Tensor } from "../../graph/tensor.ts";
import { int, type Fn, type I32, type V128, type Value } from "../../wasm/asm.ts";
import { tileOf16, writePanel } from "../../wasm/gemm.ts";
import type { WasmCaps, WasmKernel } from "../../wasm/kernel.ts";
import { PANEL, panels } from "../../wasm/panels.ts";
import { Writer } from "../../wasm/rows.ts";
import { f32x4, i32, multiplyAdd, multiplySubtract, read, widenHalves } from "../../wasm/simd.ts";
import { both, ofPicture, ofProducts, ofWeights, type Algebra } from "./winogradTransforms.ts";

/**
 * A vector of four in WebAssembly, whose code comes where it is first used: few are alive at a time. One that is not kept is
 * computed, or read, at each use.
 */
interface Vector {
  (): V128;
  /** The factors, if it is a product: a sum with it may take one step. */
  readonly product?: readonly [Vector, V128];
}
const vectors = (f: Fn): Algebra<Vector> => ({
  add: (a, b) => () =>
    b.product && f.relaxed ? multiplyAdd(f, b.product[0](), b.product[1], a()) : f32x4.add(a(), b()),
  sub: (a, b) => () =>
    b.product && f.relaxed ? multiplySubtract(f, b.product[0](), b.product[1], a()) : f32x4.sub(a(), b()),
  times(v, factor) {
    const by = f32x4.const(factor);
    return Object.assign(() => f32x4.mul(v(), by), { product: [v, by] as const });
  },
  keep(v) {
    let kept: V128 | undefined;
    return Object.assign(() => (kept ??= f.let(v())), { product: v.product });
  },
});

/** Whole numbers: known now, or when a run says how many blocks it is given. */
interface Whole<N> {
  /** a / b, rounded up. */
  over(a: N | number, b: N | number): N;
  times(a: N | number, b: N | number): N;
  plus(a: N, b: N): N;
  /** `a < b ? x : y`. */
  where(a: N, b: N, x: N | number, y: N | number): N;
}
const known: Whole<number> = {
  over: (a, b) => Math.ceil(a / b),
  times: (a, b) => a * b,
  plus: (a, b) => a + b,
  where: (a, b, x, y) => (a < b ? x : y),
};
const computed = (f: Fn): Whole<I32> => ({
  over: (a, b) => f.let(i32.divU(i32.add(a, i32.sub(b, 1)), b)),
  times: (a, b) => f.let(i32.mul(a, b)),
  plus: (a, b) => f.let(i32.add(a, b)),
  where: (a, b, x, y) => f.let(i32.select(x, y, i32.ltS(a, b))),
});

/** Tiles that share transformed weights. */
const mostTiles = 64;
/** In how many tiles 4 channels take as long to transform as 4 × 16 weights. */
const tilesPerWeights = 5;

/**
 * Items: batches of tiles of about the same size, times groups of panels of output channels; the same number for each thread.
 * Every batch transforms all weights and every group the whole picture: of the ways to share items among threads, the one
 * that transforms least.
 */
function division<N>({ over, times, plus, where }: Whole<N>, tiles: N, panelCount: number, { threads }: WasmCaps) {
  const ways = Array.from({ length: threads }, (_, i) => i + 1)
    .filter((groups) => threads % groups === 0 && groups <= panelCount)
    .map((groups): readonly [cost: N, batches: N, perItem: N | number] => {
      const share = threads / groups;
      const batches = times(over(over(tiles, mostTiles), share), share);
      const cost = plus(times(batches, tilesPerWeights * panelCount), times(tiles, groups));
      return [cost, batches, Math.ceil(panelCount / groups)];
    });
  const [, batches, perItem] = ways.reduce(([least, ...best], [cost, ...way]) => [
    where(cost, least, cost, least),
    where(cost, least, way[0], best[0]),
    where(cost, least, way[1], best[1]),
  ]);
  const groups = over(panelCount, perItem);
  const pairs = over(tiles, 2);
  return { pairs, batches, batch: times(over(pairs, batches), 2), perItem, groups, items: times(batches, groups) };
}

/** Tiles of a picture, down and across, and panels of 16 output channels. */
function counts(node: Tensor, m: number) {
  const { n, co, ho, wo } = node.op.dims(node);
  const [down, across] = [Math.ceil(ho / m), Math.ceil(wo / m)];
  return { n, down, across, tiles: n * down * across, panelCount: Math.ceil(co / PANEL) };
}

/** Sizes of the blocks and offsets in the thread's scratch. */
function blocking(node: Tensor, m: number, caps: WasmCaps) {
  const { ci } = node.op.dims(node);
  const products = (m + 2) ** 2;
  const { tiles, panelCount } = counts(node, m);
  const depth = 4 * Math.ceil(ci / Math.ceil(ci / 64) / 4);
  // A run may be given fewer blocks, in larger batches.
  const batch = Math.min(2 * Math.ceil(tiles / 2), mostTiles);
  // Steps are no powers of two, which would crowd a few sets of the cache.
  const steps = {
    /** Between the products of the picture, of so many tiles. */
    picture: (tiles: number) => 4 * depth * tiles + 64,
    /** Between the products of the weights. */
    weights: 64 * depth + 64,
    /** Between the sums of pairs of tiles. */
    sums: 128 * products + 64,
  };
  const sizes = {
    picture: Math.ceil(ci / depth) * products * steps.picture(batch),
    weights: products * steps.weights,
    sums: (batch / 2) * steps.sums,
    pixels: 64 * m * m,
    table: 4 * products,
    zeros: 4 * ci + 16,
  };
  let bytes = 0;
  const offsets = Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, (bytes += size) - size]));
  return {
    products,
    depth,
    panelCount,
    steps,
    offsets,
    bytes,
    ...division(known, tiles, panelCount, caps),
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
    return tiles >= 2 || `${tiles} tiles are too few to pay for transforming the weights`;
  },
  packings: ({ inputs }, { weightDtype }) => ({ weight: panels[weightDtype(inputs.weight)] }),
  items: (node, caps) => blocking(node, m, caps).items,
  itemsOf(node, caps, given) {
    const { down, across, panelCount } = counts(node, m);
    return division(known, given * down * across, panelCount, caps).items;
  },
  threadBytes: (node, caps) => blocking(node, m, caps).bytes,
  emit(emission) {
    const { f, node, dims, caps, packings, operand, scratch, blocks, begin, end } = emission;
    const { ci, co, h, w, ho, wo } = dims;
    const { products, depth, panelCount, steps, offsets, ...whole } = blocking(node, m, caps);
    const { down, across, ...all } = counts(node, m);
    const tiles = blocks ? f.let(i32.mul(blocks.given, down * across), "tiles") : int(all.tiles);
    const { pairs, batches, batch, perItem, groups } = blocks
      ? division<I32>(computed(f), tiles, panelCount, caps)
      : whole;
    const pictureStep =
      typeof batch === "number" ? steps.picture(batch) : f.let(i32.add(i32.mul(batch, 4 * depth), 64));
    const blockBytes = i32.mul(pictureStep, products);
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
      const start = (group: Value<"i32">) => i32.mul(i32.divU(i32.mul(group, pairs), batches), 2);
      const first = f.let(start(group), "first");
      const count = f.let(i32.sub(f.let(i32.min(f.let(start(i32.add(group, 1))), tiles)), first), "count");
      f.when(i32.ne(transformed, group), () => {
        f.set(transformed, group);
        f.range(0, count, 1, (t) => transformTile(t, f.let(i32.add(first, t))));
      });
      const panel0 = f.let(i32.mul(i32.remU(item, groups), perItem));
      // There may be fewer pairs of tiles than batches.
      const end = i32.select(f.let(i32.min(i32.add(panel0, perItem), panelCount)), panel0, count);
      f.range(panel0, f.let(end), 1, (panel) => {
        f.clear(at.sums, i32.mul(i32.divU(i32.add(count, 1), 2), steps.sums));
        f.range(0, ci, depth, (k) => {
          const length = ci % depth ? f.let(i32.min(i32.sub(ci, k), depth)) : depth;
          transformWeights(panel, k, length);
          const block = f.let(i32.add(at.picture, i32.mul(i32.divU(k, depth), blockBytes)));
          f.range(0, products, 1, (point) => {
            const from = f.let(i32.add(at.weights, i32.mul(point, steps.weights)));
            const to = f.let(i32.add(from, i32.mul(length, 64)), "to");
            const rows = f.let(i32.add(block, i32.mul(point, pictureStep)));
            const sums = f.let(i32.add(at.sums, i32.mul(point, 128)));
            const tile = (pair: Value<"i32">, offsets: readonly number[]) => {
              const row = f.let(i32.add(rows, i32.mul(pair, 8 * depth)), "row");
              const walked = offsets.map((offset) => ({ row, offset }));
              tileOf16(f, f.let(i32.add(sums, i32.mul(pair, steps.sums)), "tile"), walked, from, to);
            };
            const whole = f.let(i32.divU(count, 2));
            f.range(0, whole, 1, (pair) => tile(pair, [0, 4 * depth]));
            f.when(i32.and(count, 1), () => tile(whole, [0]));
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
            Array.from(
              { length: size },
              (_, s) => () => read.v128(i32.add(read.i32(at.table, 4 * (r * size + s)), bytes)),
            ),
          );
          const point = f.let(to);
          for (const v of both<Vector>(vectors(f), m, ofPicture, grid).flat()) {
            f.store(point, v());
            f.set(point, i32.add(point, pictureStep));
          }
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
      const algebra = vectors(f);
      f.loop(() => {
        // Two neighbours at a time: processors store twice a step only where both go to the same cache line.
        const pair = [0, 1].map((neighbour) =>
          both<Vector>(
            algebra,
            m,
            ofWeights,
            [0, 1, 2].map((r) =>
              [0, 1, 2].map((s) => {
                const offset = (3 * r + s) * tap + neighbour * vector;
                return half ? algebra.keep(() => widenHalves(from, offset)) : () => read.v128(from, offset);
              }),
            ),
          ).flat(),
        );
        for (let point = 0; point < products; point++)
          pair.forEach((points, neighbour) => f.store(to, points[point](), point * steps.weights + 16 * neighbour));
        f.set(from, i32.add(from, 2 * vector));
        f.set(to, i32.add(to, 32));
        return i32.ne(from, last);
      });
    }

    /** Aᵀ s A of a tile's 16 channels from `column` on, through the epilogue to the result. */
    function writeTile(t: Value<"i32">, tile: Value<"i32">, column: Value<"i32">): void {
      const { picture, top, left } = locate(tile);
      f.range(0, 64, 16, (bytes) => {
        const pair = i32.add(at.sums, i32.mul(i32.divU(t, 2), steps.sums));
        const own = f.let(i32.add(pair, i32.add(i32.mul(i32.and(t, 1), 64), bytes)));
        const grid = Array.from({ length: size }, (_, r) =>
          Array.from({ length: size }, (_, s) => () => read.v128(own, (r * size + s) * 128)),
        );
        const to = f.let(i32.add(at.pixels, bytes));
        both<Vector>(vectors(f), m, ofProducts, grid)
          .flat()
          .forEach((v, pixel) => f.store(to, v(), 64 * pixel));
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
