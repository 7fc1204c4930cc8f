import { defineOp, require } from "../../graph/defineOp.ts";

/**
 * Group norm (Wu & He 2018, eq. 1–3): `affine` by the input's own `groupStats`. Models write those two;
 * `passes/windows/groupNorm.ts` finds them.
 */
export const groupNorm = defineOp({
  name: "groupNorm",
  signature: "x[n c h w] weight[c] bias[c] -> y[n c h w]",
  attrs: { groups: 32, eps: 1e-5 },
  reads: { x: "all", weight: "all", bias: "all" },
  infer({ c }, { groups }) {
    require(c % groups === 0, () => `${c} channels do not divide into ${groups} groups`);
    return { g: groups };
  },
  reference({ x, weight, bias, y }, { n, c, h, w, g }, { eps }) {
    const [own, pixels] = [c / g, h * w];
    for (let i = 0; i < n * g; i++) {
      const values = x.data.subarray(i * own * pixels, (i + 1) * own * pixels);
      let mean = 0;
      for (const v of values) mean += v / values.length;
      let variance = 0;
      for (const v of values) variance += (v - mean) ** 2 / values.length;
      values.forEach((v, k) => {
        const ch = (i % g) * own + Math.floor(k / pixels);
        y.data[i * own * pixels + k] = ((v - mean) / Math.sqrt(variance + eps)) * weight.at(ch) + bias.at(ch);
      });
    }
  },
});
