import { defineOp, require } from "../../graph/defineOp.ts";

/** Mean and 1 / √(variance + eps) of each group of channels: the first half of group norm (Wu & He 2018, eq. 1). */
export const groupStats = defineOp({
  name: "groupStats",
  signature: "x[n c h w] -> stats[n g 2]",
  attrs: { groups: 32, eps: 1e-5 },
  reads: { x: "all" },
  infer({ c }, { groups }) {
    require(c % groups === 0, () => `${c} channels do not divide into ${groups} groups`);
    return { g: groups };
  },
  reference({ x, y }, { n, c, h, w, g }, { eps }) {
    const size = (c / g) * h * w;
    for (let i = 0; i < n * g; i++) {
      const values = x.data.subarray(i * size, (i + 1) * size);
      let mean = 0;
      for (const v of values) mean += v / size;
      let variance = 0;
      for (const v of values) variance += (v - mean) ** 2 / size;
      y.set(mean, Math.floor(i / g), i % g, 0);
      y.set(1 / Math.sqrt(variance + eps), Math.floor(i / g), i % g, 1);
    }
  },
});
