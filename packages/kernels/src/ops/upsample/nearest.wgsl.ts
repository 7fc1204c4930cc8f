import { eachNumber, workgroupsForEach } from "../../webgpu/eachNumber.wgsl.ts";
import { literal, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** Number by number, or four neighbouring channels at a time. The scale is rounded to f32 first, as PyTorch rounds it. */
export const nearest = wgslKernel({
  name: "upsample.nearest",
  accepts: () => true,
  wide: ({ shape }) => (shape[1] % 4 === 0 ? ["x", "y"] : []),
  workgroups: ({ n, c, ho, wo }) => workgroupsForEach(n * c * ho * wo, c % 4 === 0 ? 4 : 1),
  source({ header, wide, dims: { n, c, h, w, ho, wo } }) {
    const four = wide.length ? "4" : "";
    return wgsl`
      ${header}

      const row_scale: f32 = ${literal(Math.fround(h / ho))};
      const column_scale: f32 = ${literal(Math.fround(w / wo))};

      ${eachNumber(
        n * c * ho * wo,
        wide.length ? 4 : 1,
        wgsl`
          let ch = at % c;
          let j = at / c % wo;
          let i = at / (c * wo) % ho;
          let b = at / (c * wo * ho);
          let row = min(i32(floor(f32(i) * row_scale)), h - 1);
          let column = min(i32(floor(f32(j) * column_scale)), w - 1);
          write${four}_y(b, ch, i, j, x_at${four}(((b * h + row) * w + column) * c + ch));`,
      )}`;
  },
});

export const ladder = [nearest];
