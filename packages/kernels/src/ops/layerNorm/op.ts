import { defineOp } from "../../graph/defineOp.ts";

/** Layer norm over the last dimension (Ba et al. 2016), with its weight and bias. */
export const layerNorm = defineOp({
  name: "layerNorm",
  signature: "x[..b e] weight[e] bias[e] -> y[..b e]",
  attrs: { eps: 1e-5 },
  reads: { x: "point", weight: "all", bias: "all" },
  reference({ x, weight, bias, y }, { b, e }, { eps }) {
    for (let row = 0; row < b; row++) {
      let mean = 0;
      for (let i = 0; i < e; i++) mean += x.at(row, i) / e;
      let variance = 0;
      for (let i = 0; i < e; i++) variance += (x.at(row, i) - mean) ** 2 / e;
      const rstd = 1 / Math.sqrt(variance + eps);
      for (let i = 0; i < e; i++) y.set((x.at(row, i) - mean) * rstd * weight.at(i) + bias.at(i), row, i);
    }
  },
});
