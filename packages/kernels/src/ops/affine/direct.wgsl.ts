import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** One thread per number, or per four neighbouring channels. */
export const direct = wgslKernel({
  name: "affine.direct",
  accepts: () => true,
  wide: ({ shape }) => (shape[1] % 4 === 0 ? ["x", "weight", "bias", "y"] : []),
  ordered: () => 1,
  workgroups: ({ n, c, h, w }) => ceilDiv(n * c * h * w, 256),
  source({ header, wide, dims: { c, g } }) {
    const width = wide.length ? 4 : 1;
    const scale = (lane: number) => `read_stats(b, (ch + ${lane}) / (c / g), 1)`;
    const mean = (lane: number) => `read_stats(b, (ch + ${lane}) / (c / g), 0)`;
    const lanes = (c / g) % 4 === 0 ? [0] : [0, 1, 2, 3];
    const each = (f: (lane: number) => string) => (width === 4 ? `vec4f(${lanes.map(f).join(", ")})` : f(0));
    const four = width === 4 ? "4" : "";
    return wgsl`
      ${header}

      @compute @workgroup_size(${256 / width})
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
        let at = workgroup_index(id) * 256 + i32(lane) * ${width};
        if (at >= n * c * h * w) { return; }
        let ch = at % c;
        let b = at / (c * h * w);
        let normal = (x_at${four}(at) - ${each(mean)}) * ${each(scale)};
        write${four}_y(b, ch, at / (c * w) % h, at / c % w, normal * weight_at${four}(ch) + bias_at${four}(ch));
      }`;
  },
});

export const ladder = [direct];
