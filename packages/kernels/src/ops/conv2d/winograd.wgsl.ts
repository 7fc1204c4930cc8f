import type { Tensor } from "../../graph/tensor.ts";
import type { KernelContext } from "../../plan/kernel.ts";
import type { WebgpuCaps } from "../../webgpu/caps.ts";
import { deviceClass } from "../../webgpu/deviceClass.ts";
import { gemmAlgorithm, tiling } from "../../webgpu/gemmTile.wgsl.ts";
import { multiple, type WgslPacking } from "../../webgpu/packings.ts";
import { ceilDiv, literal, wgsl } from "../../webgpu/wgsl.ts";
import { stagedKernel } from "../../webgpu/wgslKernel.ts";
import { both, ofPicture, ofProducts, ofWeights, type Algebra } from "./winogradTransforms.ts";

const numbers: Algebra<number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  times: (v, factor) => v * factor,
  keep: (v) => v,
};

/** WGSL of a transform along both sides of the grid `from[i]`, whose results go where `to` says. */
function transformed(m: number, transform: typeof ofPicture, to: (at: number) => string): string {
  const lines: string[] = [];
  const symbols: Algebra<string> = {
    add: (a, b) => `(${a} + ${b})`,
    sub: (a, b) => `(${a} - ${b})`,
    times: (v, factor) => `${literal(factor)} * ${v}`,
    keep(v) {
      if (/^t\d+$/.test(v)) return v;
      lines.push(`let t${lines.length} = ${v};`);
      return `t${lines.length - 1}`;
    },
  };
  const size = m + 2;
  const grid = Array.from({ length: size }, (_, r) =>
    Array.from({ length: size }, (_, s) => symbols.keep(`from_[${r * size + s}]`)),
  );
  const results = both<string>(symbols, m, transform, grid).flat();
  return [...lines, ...results.map((v, at) => `${to(at)} = ${v};`)].join("\n");
}

/** The weights' transforms, one matrix of input × output channels for each of the (m + 2)² products. */
const transformedWeights = (m: number, { name, storage, dense, bytes, pack }: WgslPacking): WgslPacking => {
  const size = m + 2;
  const products = size ** 2;
  /** The columns of G. */
  const g = [0, 1, 2].map((k) =>
    ofWeights(
      numbers,
      m,
      [0, 1, 2].map((i) => Number(i === k)),
    ),
  );
  const one = ([co, ci]: readonly number[]) => [co, ci, 1, 1];
  return {
    name: `winograd${m}.${name}`,
    storage,
    dense,
    bytes: (shape) => products * bytes(one(shape)),
    pack(data, shape, out) {
      const count = shape[0] * shape[1];
      const matrices = Array.from({ length: products }, () => new Float32Array(count));
      const rows = new Float64Array(3 * size);
      for (let i = 0; i < count; i++) {
        for (let r = 0; r < size; r++)
          for (let s = 0; s < 3; s++)
            rows[3 * r + s] = g[0][r] * data[9 * i + s] + g[1][r] * data[9 * i + 3 + s] + g[2][r] * data[9 * i + 6 + s];
        for (let at = 0; at < products; at++) {
          const [r, s] = [3 * Math.floor(at / size), at % size];
          matrices[at][i] = g[0][s] * rows[r] + g[1][s] * rows[r + 1] + g[2][s] * rows[r + 2];
        }
      }
      const each = bytes(one(shape));
      matrices.forEach((matrix, at) => pack(matrix, one(shape), out.subarray(at * each, (at + 1) * each)));
    },
  };
};

/**
 * Tiles of m × m results lie in bands of whole lines of tiles; a band has the rows of the first product, then those of the
 * second and so on, padded to whole tiles of the matrix product. So the front of the work is the front of the picture.
 * Bands of blocks are as small as a tile of the product, since whole bands are computed.
 */
function blocking(node: Tensor, m: number, { caps, isCounted }: KernelContext<WebgpuCaps>) {
  const { n, ci, co, ho, wo } = node.op.dims(node);
  const tile = gemmAlgorithm(caps).tile(caps);
  const products = (m + 2) ** 2;
  const [down, across] = [ceilDiv(ho, m), ceilDiv(wo, m)];
  const tiles = n * down * across;
  const bandTiles = Math.min(tiles, across * ceilDiv(isCounted(node) ? multiple(8, tile.rows) : 256, across));
  const bandRows = multiple(bandTiles, tile.rows);
  const rows = ceilDiv(tiles, bandTiles) * products * bandRows;
  const width = multiple(co, 4);
  return {
    tile,
    products,
    down,
    across,
    tiles,
    bandTiles,
    bandRows,
    rows,
    width,
    scratch: { v: 4 * rows * ci, s: 4 * rows * width },
  };
}

/**
 * Winograd's minimal filtering F(m×m, 3×3) (Lavin & Gray 2016, §4): m × m results from (m + 2)² products a channel instead
 * of 9 m². Three dispatches: the picture's transform, as many matrix products, their transform with the epilogue. The
 * weights are kept transformed, (m + 2)² / 9 as many, so only pictures of `leastPixels` are worth it (Chen et al. 2023,
 * §3.3 and Table 1). `never` is a sentence on why this tile is not chosen by itself.
 *
 * Error against float64 where results have unit variance, for 320 input channels: F(2×2) root mean square 5e-7 and largest
 * 3e-6, F(4×4) 1.6e-6 and 1.4e-5, F(6×6) 6.8e-6 and 6e-5. Transformed weights in halves: 3.4e-4 and 1.4e-3, 9.8e-4 and
 * 4.9e-3, 4.3e-3 and 3.2e-2, where halves without a transform have 1.9e-4 and 7e-4.
 */
const winograd = (m: number, never?: string) => {
  const size = m + 2;
  const packing = ({ inputs: { weight } }: Tensor, { weightDtype, caps }: KernelContext<WebgpuCaps>) =>
    transformedWeights(m, gemmAlgorithm(caps).tile(caps).packing(weightDtype(weight)));
  const constants = (node: Tensor, context: KernelContext<WebgpuCaps>) => {
    const { products, down, across, tiles, bandTiles, bandRows } = blocking(node, m, context);
    return wgsl`
      const products = ${products};
      const down = ${down};
      const across_ = ${across};
      const tiles = ${tiles};
      const band_tiles = ${bandTiles};
      const band_rows = ${bandRows};

      /** The row of product 0 of a tile. */
      fn row_of(tile: i32) -> i32 { return tile / band_tiles * products * band_rows + tile % band_tiles; }`;
  };
  return stagedKernel({
    name: `conv2d.winograd${m}`,
    untuned: never,
    accepts(node, context) {
      const { inputs, attrs } = node;
      const { kh, kw, ci } = node.op.dims(node);
      if (!context.isParam(inputs.weight)) return "its weight is computed, not a parameter that could be packed";
      if (kh !== 3 || kw !== 3 || attrs.stride !== 1 || attrs.dilation !== 1 || attrs.groups !== 1)
        return `it is ${kh}×${kw} with stride ${attrs.stride}, dilation ${attrs.dilation}, ${attrs.groups} groups`;
      if (ci % 4 !== 0) return `its ${ci} channels are no multiple of 4`;
      const bytes = {
        weights: packing(node, context).bytes(inputs.weight.shape),
        products: Math.max(...Object.values(blocking(node, m, context).scratch)),
      };
      const limit = context.caps.maxStorageBufferBindingSize;
      for (const [what, size] of Object.entries(bytes))
        if (size > limit) return `its ${what} are ${size} bytes, but a binding holds at most ${limit} on this device`;
      return true;
    },
    recommends(node, { caps, isCounted }) {
      const { ci, co, ho, wo } = node.op.dims(node);
      if (never) return never;
      if (ho * wo >= leastPixels) return true;
      if (Math.min(ci, co) < leastChannels) return `${ci} → ${co} channels are too few to pay for the transforms`;
      if (isCounted(node)) {
        const isFull = 2 * size * size * ceilDiv(ho, m) * ceilDiv(wo, m) <= 9 * ho * wo;
        return isFull || `blocks of ${ho}×${wo} do not fill tiles of ${m}×${m}`;
      }
      const isEnough = m === 2 && ho * wo >= deviceClass(caps).leastWinograd2Pixels;
      return (
        isEnough || `${ho}×${wo} results are too few for weights of ${((size * size) / 9).toFixed(1)} times the bytes`
      );
    },
    packings: (node, context) => ({ weight: packing(node, context) }),
    scratch: (node, context) => blocking(node, m, context).scratch,
    macs(node, context) {
      const { ci, co } = node.op.dims(node);
      return blocking(node, m, context).rows * ci * co;
    },
    stages: [
      {
        reads: ["x"],
        writes: "v",
        wide: () => ["x"],
        ordered: () => 1,
        workgroups: ({ ci }, node, context) => ceilDiv((blocking(node, m, context).tiles * ci) / 4, 64),
        source: ({ header, node, context }) => wgsl`
          ${header}
          ${constants(node, context)}

          // One thread per tile and four channels.
          @compute @workgroup_size(64)
          fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
            let at = workgroup_index(id) * 64 + i32(lane);
            let tile = at / (ci / 4);
            let channel = at % (ci / 4) * 4;
            if (tile >= tiles) { return; }
            let top = tile / across_ % down * ${m} - pad[0];
            let left = tile % across_ * ${m} - pad[1];
            var from_ = array<vec4f, ${size * size}>();
            for (var r = 0; r < ${size}; r++) {
              for (var s = 0; s < ${size}; s++) {
                let inside = top + r >= 0 && top + r < h && left + s >= 0 && left + s < w;
                if (inside) {
                  from_[r * ${size} + s] = x_at4(((tile / (down * across_) * h + top + r) * w + left + s) * ci + channel);
                }
              }
            }
            let to = (row_of(tile) * ci + channel) / 4;
            ${transformed(m, ofPicture, (at) => `v_data[to + ${at} * (band_rows * ci / 4)]`)}
          }`,
      },
      {
        reads: ["v", "weight"],
        writes: "s",
        wide: () => ["weight"],
        enables: (caps) => gemmAlgorithm(caps).enables,
        workgroups: (_dims, node, context) => products(node, m, context).workgroups,
        ordered: (_dims, node, context) => size * size * products(node, m, context).group,
        source: ({ header, node, context }) => wgsl`
          ${header}
          ${constants(node, context)}

          const rows = ${blocking(node, m, context).rows};
          const columns = co;
          const taps = 1;
          const depth = ci;
          const band = ${products(node, m, context).band};

          fn x_at(i: i32) -> f32 { return v_at(i); }
          fn x_at4(i: i32) -> vec4f { return v_at4(i); }
          fn weight_matrix(row: i32) -> i32 { return row / band_rows % products; }
          fn row_start(row: i32, tap: i32) -> i32 { return row * ci; }
          fn write_row(row: i32, column: i32, value: vec4f) { s_data[(row * ${blocking(node, m, context).width} + column) / 4] = value; }

          ${blocking(node, m, context).tile.main}`,
      },
      {
        reads: ["s"],
        wide: ({ shape }) => (shape[1] % 4 === 0 ? ["y"] : []),
        ordered: () => 1,
        workgroups: (_dims, node, context) => {
          const { tiles, width } = blocking(node, m, context);
          return ceilDiv((tiles * width) / 4, 64);
        },
        source: ({ header, node, wide, context }) => wgsl`
          ${header}
          ${constants(node, context)}

          const width = ${blocking(node, m, context).width};

          // One thread per tile and four channels.
          @compute @workgroup_size(64)
          fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
            let at = workgroup_index(id) * 64 + i32(lane);
            let tile = at / (width / 4);
            let channel = at % (width / 4) * 4;
            if (tile >= tiles) { return; }
            let first = row_of(tile) * width + channel;
            var from_ = array<vec4f, ${size * size}>();
            for (var p = 0; p < products; p++) { from_[p] = s_at4(first + p * band_rows * width); }
            var result = array<vec4f, ${m * m}>();
            ${transformed(m, ofProducts, (at) => `result[${at}]`)}
            let b = tile / (down * across_);
            for (var r = 0; r < ${m}; r++) {
              for (var s = 0; s < ${m}; s++) {
                let i = tile / across_ % down * ${m} + r;
                let j = tile % across_ * ${m} + s;
                if (i < ho && j < wo) {
                  let value = result[r * ${m} + s];
                  ${
                    wide.length
                      ? "write4_y(b, channel, i, j, value);"
                      : wgsl`
                        for (var l = 0; l < min(4, co - channel); l++) { write_y(b, channel + l, i, j, value[l]); }`
                  }
                }
              }
            }
          }`,
      },
    ],
  });
};

/**
 * Results of a picture from which on transformed weights pay: the upper two levels of Stable Diffusion's UNet. Blocks are of
 * such pictures, for which the weights have been transformed already.
 */
const leastPixels = 32 * 32;
/** Channels from which on transforms of fewer results cost less than the products they save. */
const leastChannels = 32;

/** How the matrix products are divided into workgroups. */
function products(node: Tensor, m: number, context: KernelContext<WebgpuCaps>) {
  const { tile, rows, bandRows } = blocking(node, m, context);
  return tiling(tile, rows, node.shape[1], bandRows);
}

export const winograd6 = winograd(
  6,
  "tiles of 6×6 have over four times the error of 4×4 and 1.8 times their weights, for a fifth fewer products",
);
export const winograd4 = winograd(4);
export const winograd2 = winograd(2);
