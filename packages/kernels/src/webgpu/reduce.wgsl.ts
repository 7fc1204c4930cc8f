import { wgsl } from "./wgsl.ts";

/**
 * `reduce_sum(value, lane)` and `reduce_max(value, lane)`: over all threads of a workgroup of `threads` (a power of two),
 * given to each. All threads must call them together.
 */
export const reduce = (threads: number): string => {
  const over = (name: string, combine: string) => wgsl`
    fn reduce_${name}(value: f32, lane: i32) -> f32 {
      workgroupBarrier();
      partial[lane] = value;
      for (var half = ${threads / 2}; half > 0; half /= 2) {
        workgroupBarrier();
        if (lane < half) { partial[lane] = ${combine}; }
      }
      workgroupBarrier();
      return partial[0];
    }`;
  return [
    `var<workgroup> partial: array<f32, ${threads}>;`,
    over("sum", "partial[lane] + partial[lane + half]"),
    over("max", "max(partial[lane], partial[lane + half])"),
  ].join("\n");
};
