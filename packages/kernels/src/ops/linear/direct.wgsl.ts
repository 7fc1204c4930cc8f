import { inOrder } from "../../webgpu/packings.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per output: for any shape, and for weights that are computed. */
export const direct = wgslKernel({
  name: "linear.direct",
  untuned: "it reads everything anew for each output, and can take minutes",
  accepts: () => true,
  packings: ({ inputs: { weight } }, { isParam, weightDtype }): Record<string, ReturnType<typeof inOrder>> =>
    isParam(weight) ? { weight: inOrder(weightDtype(weight)) } : {},
  ordered: () => 1,
  workgroups: ({ b, o }) => ceilDiv(b * o, 64),
  source: ({ header }) => wgsl`
    ${header}

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at >= b * o) { return; }
      var sum = 0.0;
      for (var i = 0; i < k; i++) { sum += read_x(at / o, i) * read_weight(at % o, i); }
      write_y(at / o, at % o, sum);
    }`,
});
