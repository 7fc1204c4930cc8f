import { eachNumber, workgroupsForEach } from "../../webgpu/eachNumber.wgsl.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** Number by number, or four neighbouring channels at a time. */
export const direct = wgslKernel({
  name: "affine.direct",
  accepts: () => true,
  wide: ({ shape }) => (shape[1] % 4 === 0 ? ["x", "weight", "bias", "y"] : []),
  ordered: () => 1,
  workgroups: ({ n, c, h, w }) => workgroupsForEach(n * c * h * w, c % 4 === 0 ? 4 : 1),
  source({ header, wide, dims: { n, c, h, w, g } }) {
    const width = wide.length ? 4 : 1;
    const scale = (lane: number) => `read_stats(b, (ch + ${lane}) / (c / g), 1)`;
    const mean = (lane: number) => `read_stats(b, (ch + ${lane}) / (c / g), 0)`;
    const lanes = (c / g) % 4 === 0 ? [0] : [0, 1, 2, 3];
    const each = (f: (lane: number) => string) => (width === 4 ? `vec4f(${lanes.map(f).join(", ")})` : f(0));
    const four = width === 4 ? "4" : "";
    return wgsl`
      ${header}

      ${eachNumber(
        n * c * h * w,
        width,
        wgsl`
          let ch = at % c;
          let b = at / (c * h * w);
          let normal = (x_at${four}(at) - ${each(mean)}) * ${each(scale)};
          write${four}_y(b, ch, at / (c * w) % h, at / c % w, normal * weight_at${four}(ch) + bias_at${four}(ch));`,
      )}`;
  },
});

export const ladder = [direct];
