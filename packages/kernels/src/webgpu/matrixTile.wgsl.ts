import type { WebgpuCaps } from "./caps.ts";
import type { GemmAlgorithm, GemmTile } from "./gemmTile.wgsl.ts";
import { columns, multiple } from "./packings.ts";
import { wgsl } from "./wgsl.ts";

/** Rows and columns of the result of a subgroup. */
const side = 32;
/** The depth that is in workgroup memory at a time. */
const slice = 16;

/**
 * 64 × 64 results by four subgroups on matrix units, which multiply halves and add in f32 (NVIDIA's tensor cores, Apple's
 * and Intel's, through Vulkan's cooperative matrices). Weights must be halves already. A number of x is two halves, one
 * 2048 times the other (Markidis et al. 2018), as activations can be larger than 65504 and products of rounded ones were
 * less exact; their products are added apart. Results go through workgroup memory to the epilogue.
 */
const matrixTile = ({ subgroupSize, subgroupMatrix }: WebgpuCaps): GemmTile => {
  const { m, n, k } = subgroupMatrix!;
  const lanes = subgroupSize!;
  const loads = (2 * side * slice) / 4 / (4 * lanes);
  const quads = (m * side) / 4 / lanes;
  const range = (end: number, step: number) => Array.from({ length: end / step }, (_, i) => i);
  const [down, across, steps] = [range(side, m), range(side, n), range(slice, k)];
  const blocks = down.flatMap((i) => across.map((j) => ({ i, j, sum: `sum_${i}_${j}`, high: `high_${i}_${j}` })));
  const each = <T>(items: readonly T[], line: (item: T) => string) => items.map(line).join("\n");
  const store = (matrix: string, j: number) =>
    `subgroupMatrixStore<row_major>(&results, u32(quarter * ${m * side} + ${j * n}), ${matrix}, ${side});`;
  return {
    rows: 2 * side,
    columns: 2 * side,
    band: 64,
    wide: true,
    packing: columns,
    panel: (width) => ({ width: multiple(width, 4), step: 1 }),
    main: wgsl`
      const lanes = ${lanes};
      const threads = 4 * lanes;

      var<workgroup> x_tile: array<f16, ${2 * side * slice}>; // ${2 * side} rows
      var<workgroup> high_tile: array<f16, ${2 * side * slice}>;
      var<workgroup> weight_tile: array<f16, ${2 * side * slice}>; // ${slice} rows
      var<workgroup> results: array<f32, ${4 * m * side}>; // ${m} rows of each subgroup

      fn own_result(place: i32) -> vec4f {
        return vec4f(results[place], results[place + 1], results[place + 2], results[place + 3]);
      }

      @compute @workgroup_size(threads)
      fn main(
        @builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32,
        @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) invocation: u32
      ) {
        const across = (columns + ${2 * side - 1}) / ${2 * side};
        const weight_width = (columns + 3) / 4 * 4;
        let tile = workgroup_index(id);
        let first_row = (tile / (across * band) * band + tile % band) * ${2 * side};
        let first_column = tile / band % across * ${2 * side};
        if (first_row >= rows) { return; }
        let matrix = weight_matrix(first_row) * taps * depth;
        let thread = i32(local);
        let quarter = i32(subgroup);
        let top = quarter / 2 * ${side};
        let left = quarter % 2 * ${side};
        let first_place = quarter * ${m * side} + i32(invocation) * 4;
        ${each(blocks, ({ sum, high }) => `var ${sum}: subgroup_matrix_result<f32, ${n}, ${m}>;\nvar ${high}: subgroup_matrix_result<f32, ${n}, ${m}>;`)}
        for (var tap = 0; tap < taps; tap++) {
          var start = array<i32, ${loads}>();
          for (var i = 0; i < ${loads}; i++) {
            let row = first_row + (thread + i * threads) / ${slice / 4};
            start[i] = -1;
            if (row < rows) { start[i] = row_start(row, tap); }
          }
          for (var channel = 0; channel < depth; channel += ${slice}) {
            workgroupBarrier();
            for (var i = 0; i < ${loads}; i++) {
              let at = thread + i * threads;
              let own = channel + at % ${slice / 4} * 4;
              var x = vec4f();
              if (start[i] >= 0 && own < depth) { x = x_at4(start[i] + own); }
              let high = vec4<f16>(x / 2048);
              let low = vec4<f16>(x - vec4f(high) * 2048);
              let row = channel + at / ${side / 2};
              let column = first_column + at % ${side / 2} * 4;
              var weight = vec4f();
              if (row < depth && column < weight_width) { weight = weight_at4((matrix + tap * depth + row) * weight_width + column); }
              let half_weight = vec4<f16>(weight);
              for (var lane = 0; lane < 4; lane++) {
                x_tile[at * 4 + lane] = low[lane];
                high_tile[at * 4 + lane] = high[lane];
                weight_tile[at * 4 + lane] = half_weight[lane];
              }
            }
            workgroupBarrier();
            ${each(
              steps,
              (s) => wgsl`
                {
                  ${each(down, (i) => `let x_${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, ${k}, ${m}>, row_major>(&x_tile, u32((top + ${i * m}) * ${slice} + ${s * k}), ${slice});`)}
                  ${each(down, (i) => `let h_${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, ${k}, ${m}>, row_major>(&high_tile, u32((top + ${i * m}) * ${slice} + ${s * k}), ${slice});`)}
                  ${each(across, (j) => `let w_${j} = subgroupMatrixLoad<subgroup_matrix_right<f16, ${n}, ${k}>, row_major>(&weight_tile, u32(${s * k * 2 * side} + left + ${j * n}), ${2 * side});`)}
                  ${each(blocks, ({ i, j, sum, high }) => `${sum} = subgroupMatrixMultiplyAccumulate(x_${i}, w_${j}, ${sum});\n${high} = subgroupMatrixMultiplyAccumulate(h_${i}, w_${j}, ${high});`)}
                }`,
            )}
          }
        }
        var upper = array<vec4f, ${quads}>();
        ${each(
          down,
          (i) => wgsl`
            workgroupBarrier();
            ${each(across, (j) => store(`high_${i}_${j}`, j))}
            workgroupBarrier();
            for (var q = 0; q < ${quads}; q++) { upper[q] = own_result(first_place + q * lanes * 4); }
            workgroupBarrier();
            ${each(across, (j) => store(`sum_${i}_${j}`, j))}
            workgroupBarrier();
            for (var q = 0; q < ${quads}; q++) {
              let place = first_place + q * lanes * 4;
              let row = first_row + top + ${i * m} + (place - quarter * ${m * side}) / ${side};
              let column = first_column + left + place % ${side};
              if (row < rows && column < columns) { write_row(row, column, own_result(place) + upper[q] * 2048); }
            }`,
        )}
      }`,
  };
};

/**
 * Run on lavapipe of Mesa 26, which offers 8 × 8 × 8, and held to PyTorch's results there; never run on a GPU, so no rule
 * chooses it. Tuning may.
 */
export const matrixAlgorithm: GemmAlgorithm = {
  name: "SubgroupMatrix",
  enables: ["f16", "subgroups", "chromium_experimental_subgroup_matrix"],
  accepts({ subgroupMatrix, subgroupSize }, storage) {
    if (!subgroupMatrix || !subgroupSize)
      return "matrix units are not offered, or not for halves with sums in f32 by subgroups of a fixed size";
    return storage === "f16" || "its weight is kept as f32, and matrix units multiply halves";
  },
  recommends: () => "it was never measured on a GPU; tuning may choose it",
  tile: matrixTile,
};
