import type { Tensor } from "../../graph/tensor.ts";
import type { KernelContext } from "../../plan/kernel.ts";
import type { WebgpuCaps } from "../../webgpu/caps.ts";
import { gemmAlgorithm, tiling, writeRow } from "../../webgpu/gemmTile.wgsl.ts";
import { multiple } from "../../webgpu/packings.ts";
import { reduce } from "../../webgpu/reduce.wgsl.ts";
import { ceilDiv, literal, wgsl } from "../../webgpu/wgsl.ts";
import { stagedKernel, type Stage } from "../../webgpu/wgslKernel.ts";

/** Up to this width a head's sums stay in registers, and logits need not be stored. */
const narrow = 64;

/** Sizes: each picture's head is a matrix of queries, padded to whole tiles; keys and values are packed as weights are. */
function blocking(node: Tensor, { caps }: KernelContext<WebgpuCaps>) {
  const { n, t, s, d } = node.op.dims(node);
  const tile = gemmAlgorithm(caps).tile(caps);
  const packing = tile.packing("f32");
  const matrices = n * (node.attrs.heads as number);
  const height = multiple(t, tile.rows);
  const rows = matrices * height;
  const width = multiple(s, 4);
  const [keyBytes, valueBytes] = [packing.bytes([s, d]), packing.bytes([d, s])];
  return {
    tile,
    matrices,
    height,
    rows,
    width,
    keyFloats: keyBytes / 4,
    valueFloats: valueBytes / 4,
    scratch: { keys: matrices * keyBytes, values: matrices * valueBytes, logits: 4 * rows * width, sums: 16 * rows },
  };
}

/** Lays keys (one a column) or values (one a row) out as the matrix product reads its weights: four columns a thread. */
const pack = (operand: "k" | "v", writes: "keys" | "values"): Stage => ({
  reads: [operand],
  writes,
  workgroups: (_dims, node, context) => ceilDiv(blocking(node, context).scratch[writes] / 16, 64),
  source({ header, node, dims: { d, s }, context }) {
    const { tile, matrices, keyFloats, valueFloats } = blocking(node, context);
    const [columns, depth] = operand === "k" ? [s, d] : [d, s];
    const floats = operand === "k" ? keyFloats : valueFloats;
    const { width, step } = tile.panel(columns);
    return wgsl`
      ${header}

      const floats = ${floats}; // of one matrix
      const width = ${width}; // columns in a panel
      const height = ${multiple(depth, step)};

      @compute @workgroup_size(64)
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
        let at = (workgroup_index(id) * 64 + i32(lane)) * 4;
        if (at >= ${matrices} * floats) { return; }
        let matrix = at / floats;
        let place = at % floats;
        let row = place / width % height;
        let column = place / (width * height) * width + place % width;
        var value = vec4f();
        for (var i = 0; i < 4; i++) {
          if (row < ${depth} && column + i < ${columns}) {
            value[i] = read_${operand}(matrix / heads, ${operand === "k" ? "column + i" : "row"}, matrix % heads * ${d} + ${operand === "k" ? "row" : "column + i"});
          }
        }
        ${writes}_data[at / 4] = value;
      }`;
  },
});

/** A product whose rows are the queries of all heads. */
const product = (columns: "s" | "d", stage: Pick<Stage, "reads" | "writes" | "wide" | "source">): Stage => ({
  ...stage,
  enables: (caps) => gemmAlgorithm(caps).enables,
  workgroups(dims, node, context) {
    const { tile, rows, height } = blocking(node, context);
    return tiling(tile, rows, dims[columns], Math.min(height, tile.band)).workgroups;
  },
  source(body) {
    const { tile, rows, height, width } = blocking(body.node, body.context);
    const own = stage.source(body);
    return wgsl`
      ${own}

      const rows = ${rows};
      const columns = ${columns};
      const taps = 1;
      const band = ${tiling(tile, rows, body.dims[columns], Math.min(height, tile.band)).band};
      const height = ${height}; // queries of a head, with padding
      const width = ${width}; // logits of a query, with padding

      fn weight_matrix(row: i32) -> i32 { return row / height; }

      ${tile.main}`;
  },
});

/**
 * Attention with a partially fused softmax (Chen et al. 2023, §3.2.1): logits are stored; a reduction leaves each row's
 * largest one and the sum of exponentials; the exponential and the division ride in the product with the values.
 */
export const partiallyFused = stagedKernel({
  name: "attention.partiallyFused",
  accepts(node, context) {
    const { d } = node.op.dims(node);
    if (node.attrs.kind === "relu") return "ReLU attention has no softmax";
    const { scratch, tile } = blocking(node, context);
    if (tile.wide && d % 4 !== 0) return `heads of ${d} are no multiple of 4`;
    const limit = context.caps.maxStorageBufferBindingSize;
    return (
      scratch.logits <= limit ||
      `its logits are ${scratch.logits} bytes, but a binding holds at most ${limit} on this device`
    );
  },
  recommends(node) {
    const { d } = node.op.dims(node);
    return d > narrow || `heads of ${d} keep their sums in registers, so their logits need not be stored`;
  },
  scratch: (node, context) => blocking(node, context).scratch,
  stages: [
    pack("k", "keys"),
    pack("v", "values"),
    product("s", {
      reads: ["q", "keys"],
      writes: "logits",
      wide: (_node, { caps }) => (gemmAlgorithm(caps).tile(caps).wide ? ["q"] : []),
      source: ({ header, wide, dims: { d } }) => wgsl`
        ${header}

        const depth = d;
        const scale = ${literal(1 / Math.sqrt(d))};

        fn x_at(i: i32) -> f32 { return q_at(i); }
        ${wide.length ? "fn x_at4(i: i32) -> vec4f { return q_at4(i); }" : ""}
        fn weight_at4(i: i32) -> vec4f { return keys_at4(i); }
        fn row_start(row: i32, tap: i32) -> i32 {
          return (row / height / heads * t + min(row % height, t - 1)) * e + row / height % heads * d;
        }
        fn write_row(row: i32, column: i32, value: vec4f) {
          let keys = vec4i(column) + vec4i(0, 1, 2, 3);
          var unseen = keys >= vec4i(s);
          if (causal) { unseen |= keys > vec4i(row % height); }
          logits_data[(row * width + column) / 4] = select(value * scale, vec4f(-3.0e38), unseen);
        }`,
    }),
    {
      reads: ["logits"],
      writes: "sums",
      workgroups: (_dims, node, context) => blocking(node, context).rows,
      source: ({ header, node, context }) => wgsl`
        ${header}
        ${reduce(64)}

        const rows = ${blocking(node, context).rows};
        const quads = ${blocking(node, context).width / 4};

        // One workgroup per row: its largest logit and the sum of exponentials below it.
        @compute @workgroup_size(64)
        fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
          let row = workgroup_index(id);
          if (row >= rows) { return; }
          let lane = i32(local);
          var most = vec4f(-3.0e38);
          for (var i = lane; i < quads; i += 64) { most = max(most, logits_at4((row * quads + i) * 4)); }
          let largest = reduce_max(max(max(most.x, most.y), max(most.z, most.w)), lane);
          var sum = vec4f();
          for (var i = lane; i < quads; i += 64) {
            sum += exp(max(logits_at4((row * quads + i) * 4) - largest, vec4f(-87)));
          }
          let total = reduce_sum(dot(sum, vec4f(1)), lane);
          if (lane == 0) { sums_data[row] = vec4f(largest, total, 0, 0); }
        }`,
    },
    product("d", {
      reads: ["logits", "sums", "values"],
      wide: (node) => (node.op.dims(node).d % 4 === 0 ? ["y"] : []),
      source: ({ header, wide }) => wgsl`
        ${header}

        const depth = s;

        fn x_at(i: i32) -> f32 { return exp(max(logits_at(i) - sums_at(i / width * 4), -87)); }
        fn x_at4(i: i32) -> vec4f { return exp(max(logits_at4(i) - sums_at(i / width * 4), vec4f(-87))); }
        fn weight_at4(i: i32) -> vec4f { return values_at4(i); }
        fn row_start(row: i32, tap: i32) -> i32 { return row * width; }
        fn write_row(row: i32, column: i32, sum: vec4f) {
          if (row % height >= t) { return; }
          let value = sum / sums_at(row * 4 + 1);
          let first_channel = row / height % heads * d;
          ${writeRow(wide.includes("y"), (column) => `row / height / heads, row % height, first_channel + ${column}`)}
        }`,
    }),
  ],
});
