import { columns } from "../../webgpu/packings.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** How many neighbours of a line of results a thread computes: what a window reads is read once for all of them. */
const strip = 4;

/** One filter per channel: a thread computes four channels of a few neighbours in a line. */
export const depthwise = wgslKernel({
  name: "conv2d.depthwise",
  accepts(node, { isParam }) {
    const { cg, ci, co } = node.op.dims(node);
    if (!isParam(node.inputs.weight)) return "its weight is computed, not a parameter that could be packed";
    if (cg !== 1 || ci !== co) return `it has ${cg} channels per group and ${co} output channels for ${ci}`;
    return ci % 4 === 0 || `its ${ci} channels are no multiple of 4`;
  },
  packings: ({ inputs: { weight } }, { weightDtype }) => ({ weight: columns(weightDtype(weight)) }),
  wide: () => ["x", "weight", "y"],
  ordered: () => 1,
  workgroups: ({ n, co, ho, wo }) => ceilDiv((n * ho * ceilDiv(wo, strip) * co) / 4, 64),
  source({ header, node, dims: { kw } }) {
    const { stride, dilation } = node.attrs as { stride: number; dilation: number };
    const taps = [...Array(kw).keys()];
    const results = [...Array(strip).keys()];
    const reads = [...new Set(results.flatMap((i) => taps.map((s) => i * stride + s * dilation)))];
    const sums = (column: number) =>
      results.flatMap((i) =>
        taps.filter((s) => i * stride + s * dilation === column).map((s) => `sum[${i}] += v * w${s};`),
      );
    return wgsl`
      ${header}

      const strips = (wo + ${strip - 1}) / ${strip}; // of a line

      @compute @workgroup_size(64)
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
        let at = workgroup_index(id) * 64 + i32(lane);
        if (at >= n * ho * strips * (co / 4)) { return; }
        let channel = at % (co / 4) * 4;
        let j = at / (co / 4) % strips * ${strip};
        let i = at / (co / 4 * strips) % ho;
        let b = at / (co / 4 * strips * ho);
        let left = j * stride - pad[1];
        var sum = array<vec4f, ${strip}>();
        for (var r = 0; r < kh; r++) {
          let row = i * stride + r * dilation - pad[0];
          if (row < 0 || row >= h) { continue; }
          let line = (b * h + row) * w * ci + channel;
          ${taps.map((s) => `let w${s} = weight_at4((r * kw + ${s}) * co + channel);`).join("\n")}
          ${reads
            .map(
              (column) => wgsl`
              if (left + ${column} >= 0 && left + ${column} < w) {
                let v = x_at4(line + (left + ${column}) * ci);
                ${sums(column).join("\n")}
              }`,
            )
            .join("\n")}
        }
        for (var o = 0; o < min(${strip}, wo - j); o++) { write4_y(b, channel, i, j + o, sum[o]); }
      }`;
  },
});
