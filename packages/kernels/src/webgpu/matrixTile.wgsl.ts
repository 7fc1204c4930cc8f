import type { WebgpuCaps } from "./caps.ts";
import type { GemmAlgorithm, GemmTile } from "./gemmTile.wgsl.ts";
import { columns, multiple } from "./packings.ts";
import { wgsl } from "./wgsl.ts";

/** Rows and columns of the result of a subgroup, and the depth that is in workgroup memory at a time. */
const side = 32;

/**
 * 64 × 64 results by four subgroups on matrix units, which multiply halves and add in f32 (NVIDIA's tensor cores, Apple's
 * and Intel's, through Vulkan's cooperative matrices). Rows of x are rounded to halves on their way to workgroup memory,
 * so only weights that are halves already are taken. Results go through workgroup memory to the epilogue.
 */
const matrixTile = ({ subgroupSize, subgroupMatrix }: WebgpuCaps): GemmTile => {
  const { m, n, k } = subgroupMatrix!;
  const lanes = subgroupSize!;
  const loads = (2 * side * side) / 4 / (4 * lanes);
  const range = (end: number, step: number) => Array.from({ length: end / step }, (_, i) => i);
  const [down, across, steps] = [range(side, m), range(side, n), range(side, k)];
  const blocks = down.flatMap((i) => across.map((j) => ({ i, j, name: `sum_${i}_${j}` })));
  const each = <T>(items: readonly T[], line: (item: T) => string) => items.map(line).join("\n");
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

      var<workgroup> x_tile: array<f16, ${2 * side * side}>; // ${2 * side} rows
      var<workgroup> weight_tile: array<f16, ${2 * side * side}>; // ${side} rows
      var<workgroup> results: array<f32, ${4 * m * side}>; // ${m} rows of each subgroup

      fn halves(value: vec4f) -> vec4<f16> { return vec4<f16>(clamp(value, vec4f(-65504), vec4f(65504))); }

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
        ${each(blocks, ({ name }) => `var ${name}: subgroup_matrix_result<f32, ${n}, ${m}>;`)}
        for (var tap = 0; tap < taps; tap++) {
          var start = array<i32, ${loads}>();
          for (var i = 0; i < ${loads}; i++) {
            let row = first_row + (thread + i * threads) / ${side / 4};
            start[i] = -1;
            if (row < rows) { start[i] = row_start(row, tap); }
          }
          for (var channel = 0; channel < depth; channel += ${side}) {
            workgroupBarrier();
            for (var i = 0; i < ${loads}; i++) {
              let at = thread + i * threads;
              let own = channel + at % ${side / 4} * 4;
              var x = vec4f();
              if (start[i] >= 0 && own < depth) { x = x_at4(start[i] + own); }
              let x_half = halves(x);
              for (var lane = 0; lane < 4; lane++) { x_tile[at * 4 + lane] = x_half[lane]; }
              let row = channel + at / ${side / 2};
              let column = first_column + at % ${side / 2} * 4;
              var weight = vec4f();
              if (row < depth && column < weight_width) { weight = weight_at4((matrix + tap * depth + row) * weight_width + column); }
              let weight_half = halves(weight);
              for (var lane = 0; lane < 4; lane++) { weight_tile[at * 4 + lane] = weight_half[lane]; }
            }
            workgroupBarrier();
            ${each(
              steps,
              (s) => wgsl`
                {
                  ${each(down, (i) => `let x_${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, ${k}, ${m}>, row_major>(&x_tile, u32((top + ${i * m}) * ${side} + ${s * k}), ${side});`)}
                  ${each(across, (j) => `let w_${j} = subgroupMatrixLoad<subgroup_matrix_right<f16, ${n}, ${k}>, row_major>(&weight_tile, u32(${s * k * 2 * side} + left + ${j * n}), ${2 * side});`)}
                  ${each(blocks, ({ i, j, name }) => `${name} = subgroupMatrixMultiplyAccumulate(x_${i}, w_${j}, ${name});`)}
                }`,
            )}
          }
        }
        ${each(
          down,
          (i) => wgsl`
            workgroupBarrier();
            ${each(across, (j) => `subgroupMatrixStore<row_major>(&results, u32(quarter * ${m * side} + ${j * n}), sum_${i}_${j}, ${side});`)}
            workgroupBarrier();
            for (var at = i32(invocation) * 4; at < ${m * side}; at += lanes * 4) {
              let row = first_row + top + ${i * m} + at / ${side};
              let column = first_column + left + at % ${side};
              let place = quarter * ${m * side} + at;
              if (row < rows && column < columns) {
                write_row(row, column, vec4f(results[place], results[place + 1], results[place + 2], results[place + 3]));
              }
            }`,
        )}
      }`,
  };
};

/** Never chosen by a rule: no GPU with matrix units was there to measure it on. Tuning may choose it. */
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
