import { inOrder } from "../../webgpu/packings.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per output. Slow, obvious, right for every attribute: the last resort of the selector. */
export const direct = wgslKernel({
  name: "conv2d.direct",
  untuned: "it reads everything anew for each output, and can take minutes",
  accepts: () => true,
  packings: ({ inputs: { weight } }, { isParam, weightDtype }): Record<string, ReturnType<typeof inOrder>> =>
    isParam(weight) ? { weight: inOrder(weightDtype(weight)) } : {},
  ordered: () => 1,
  workgroups: ({ n, co, ho, wo }) => ceilDiv(n * co * ho * wo, 64),
  source: ({ header }) => wgsl`
    ${header}

    @compute @workgroup_size(64)
    fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
      let at = workgroup_index(id) * 64 + i32(lane);
      if (at >= n * ho * wo * co) { return; }
      let o = at % co;
      let j = at / co % wo;
      let i = at / (co * wo) % ho;
      let b = at / (co * wo * ho);
      let first = o / (co / groups) * cg;
      var sum = 0.0;
      for (var r = 0; r < kh; r++) {
        let row = i * stride + r * dilation - pad[0];
        for (var s = 0; s < kw; s++) {
          let column = j * stride + s * dilation - pad[1];
          if (row < 0 || row >= h || column < 0 || column >= w) { continue; }
          for (var c = 0; c < cg; c++) {
            sum += read_x(b, first + c, row, column) * read_weight(o, c, r, s);
          }
        }
      }
      write_y(b, o, i, j, sum);
    }`,
});
