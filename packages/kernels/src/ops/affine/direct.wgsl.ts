import { eachNumber, workgroupsForEach } from "../../webgpu/eachNumber.wgsl.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel, type Stage } from "../../webgpu/wgslKernel.ts";

/** Number by number, or four neighbouring channels at a time; statistics lie `stride` numbers apart. */
export const stage = (stride: number): Stage => ({
  wide: ({ shape }) => (shape[1] % 4 === 0 ? ["x", "weight", "bias", "y"] : []),
  workgroups: ({ n, c, h, w }) => workgroupsForEach(n * c * h * w, c % 4 === 0 ? 4 : 1),
  source({ header, wide, dims: { n, c, h, w, g } }) {
    const [width, four, type] = wide.length ? [4, "4", "vec4f"] : [1, "", "f32"];
    const lanes = width === 1 || (c / g) % 4 === 0 ? [0] : [0, 1, 2, 3];
    const each = (i: number) => lanes.map((lane) => `stats_at((b * g + (ch + ${lane}) / (c / g)) * ${stride} + ${i})`);
    return wgsl`
      ${header}

      ${eachNumber(
        n * c * h * w,
        width,
        wgsl`
          let ch = at % c;
          let b = at / (c * h * w);
          let normal = (x_at${four}(at) - ${type}(${each(0).join()})) * ${type}(${each(1).join()});
          write${four}_y(b, ch, at / (c * w) % h, at / c % w, normal * weight_at${four}(ch) + bias_at${four}(ch));`,
      )}`;
  },
});

export const direct = wgslKernel({ name: "affine.direct", accepts: () => true, ordered: () => 1, ...stage(2) });

export const ladder = [direct];
