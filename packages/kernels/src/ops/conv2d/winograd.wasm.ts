import type { Tensor } from "../../graph/tensor.ts";
import { int, type Fn, type I32, type V128, type Value } from "../../wasm/asm.ts";
import { tileOf16, writePanel } from "../../wasm/gemm.ts";
import type { WasmCaps, WasmKernel } from "../../wasm/kernel.ts";
import { PANEL, panels } from "../../wasm/panels.ts";
import { Writer } from "../../wasm/rows.ts";
import { f32x4, i32, read, widenHalves } from "../../wasm/simd.ts";
import { both, ofPicture, ofProducts, ofWeights, type Algebra } from "./winogradTransforms.ts";

/** Vectors of four in WebAssembly. */
const vectors = (f: Fn): Algebra<V128> => ({
  add: f32x4.add,
  sub: f32x4.sub,
  times: (v, factor) => f32x4.mul(v, f32x4.const(factor)),
  keep: (v) => f.let(v),
});

/** Whole numbers: known now, or when a run says how many blocks it is given. */
interface Whole<N> {
  /** a / b, rounded up. */
  over(a: N | number, b: N | number): N;
  times(a: N | number, b: N | number): N;
  least(a: N | number, b: N | number): N;
}
const known: Whole<number> = { over: (a, b) => Math.ceil(a / b), times: (a, b) => a * b, least: Math.min };
const computed = (f: Fn): Whole<I32> => ({
  over: (a, b) => f.let(i32.divU(i32.add(a, i32.sub(b, 1)), b)),
  times: (a, b) => f.let(i32.mul(a, b)),
  least: (a, b) => f.let(i32.min(a, b)),
});

/** Tiles that share transformed weights. */
const mostTiles = 64;

/** Items: batches of tiles of about the same size, times groups of panels of output channels. */
function division<N>({ over, times, least }: Whole<N>, tiles: N, panelCount: number, { threads }: WasmCaps) {
  const batches = over(tiles, mostTiles);
  const batch = times(over(over(tiles, batches), 2), 2);
  // Two items a thread: each transforms its part of the picture anew.
  const perItem = over(panelCount, least(over(2 * threads, batches), panelCount));
  const groups = over(panelCount, perItem);
  return { batch, perItem, groups, items: times(batches, groups) };
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
  return {
    products,
    depth,
    panelCount,
    steps,
    blockBytes,
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
    const { products, depth, panelCount, steps, blockBytes, offsets, ...whole } = blocking(node, m, caps);
    const { down, across, ...all } = counts(node, m);
    const tiles = blocks ? f.let(i32.mul(blocks.given, down * across), "tiles") : int(all.tiles);
    const { batch, perItem, groups } = blocks ? division<I32>(computed(f), tiles, panelCount, caps) : whole;
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
      const count = f.let(i32.min(f.let(i32.sub(tiles, first)), batch));
      f.when(i32.ne(transformed, group), () => {
        f.set(transformed, group);
        f.range(0, count, 1, (t) => transformTile(t, f.let(i32.add(first, t))));
      });
      const panel0 = f.let(i32.mul(i32.remU(item, groups), perItem));
      // Batches are of even sizes, so that the last may be empty.
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
            const tile = (t: Value<"i32">, offsets: readonly number[]) => {
              const row = f.let(i32.add(rows, i32.mul(t, 4 * depth)), "row");
              const walked = offsets.map((offset) => ({ row, offset }));
              tileOf16(f, f.let(i32.add(sums, i32.mul(t, 64)), "tile"), walked, from, to);
            };
            const last = f.let(i32.sub(count, 1));
            f.range(0, last, 2, (t) => tile(t, [0, 4 * depth]));
            f.when(i32.and(count, 1), () => tile(last, [0]));
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
          both(vectors(f), m, ofPicture, grid)
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
            return half ? f.let(widenHalves(own)) : f.let(read.v128(own));
          }),
        );
        both(vectors(f), m, ofWeights, grid)
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
        both(vectors(f), m, ofProducts, grid)
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
