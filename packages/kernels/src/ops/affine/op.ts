import { defineOp, require } from "../../graph/defineOp.ts";

/** (x − mean) · rstd · weight + bias with each channel's group's statistics: the second half of group norm. */
export const affine = defineOp({
  name: "affine",
  signature: "x[n c h w] stats[n g 2] weight[c] bias[c] -> y[n c h w]",
  attrs: {},
  reads: { x: "point", stats: "all", weight: "all", bias: "all" },
  infer({ c, g }) {
    require(c % g === 0, () => `${c} channels do not divide into ${g} groups`);
    return {};
  },
  reference({ x, stats, weight, bias, y }, { n, c, h, w, g }) {
    for (let b = 0; b < n; b++)
      for (let ch = 0; ch < c; ch++) {
        const group = Math.floor(ch / (c / g));
        const [mean, rstd] = [stats.at(b, group, 0), stats.at(b, group, 1)];
        for (let i = 0; i < h; i++)
          for (let j = 0; j < w; j++)
            y.set((x.at(b, ch, i, j) - mean) * rstd * weight.at(ch) + bias.at(ch), b, ch, i, j);
      }
  },
});
