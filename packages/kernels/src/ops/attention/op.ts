import { defineOp, require } from "../../graph/defineOp.ts";

/**
 * Multi-head attention, softmax(q kᵀ / √d) v per head (Vaswani et al. 2017, eq. 1). Head h owns channels h·d … h·d+d−1.
 * `kind: "relu"` is relu(q kᵀ / √d) v / s (Wortsman et al. 2023; MobileDiffusion §3.2). `causal` hides later keys.
 */
export const attention = defineOp({
  name: "attention",
  signature: "q[n t e] k[n s e] v[n s e] -> y[n t e]",
  attrs: { heads: 1, causal: false as boolean, kind: "softmax" as "softmax" | "relu" },
  reads: { q: "point", k: "all", v: "all" },
  infer({ e, t, s }, { heads, causal }) {
    require(e % heads === 0, () => `width ${e} does not divide into ${heads} heads`);
    require(!causal || t === s, () => `causal attention needs as many queries as keys, got ${t} and ${s}`);
    return { d: e / heads };
  },
  macs: ({ n, t, s, e }) => 2 * n * t * s * e,
  reference({ q, k, v, y }, { n, t, s, d }, { heads, causal, kind }) {
    const weights = new Float64Array(s);
    for (let b = 0; b < n; b++)
      for (let h = 0; h < heads; h++)
        for (let i = 0; i < t; i++) {
          const seen = causal ? i + 1 : s;
          let largest = -Infinity;
          for (let j = 0; j < seen; j++) {
            let logit = 0;
            for (let c = h * d; c < (h + 1) * d; c++) logit += q.at(b, i, c) * k.at(b, j, c);
            weights[j] = logit / Math.sqrt(d);
            largest = Math.max(largest, weights[j]);
          }
          let sum = 0;
          for (let j = 0; j < seen; j++) {
            weights[j] = kind === "relu" ? Math.max(0, weights[j]) : Math.exp(weights[j] - largest);
            sum += weights[j];
          }
          const total = kind === "relu" ? s : sum;
          for (let c = h * d; c < (h + 1) * d; c++) {
            let acc = 0;
            for (let j = 0; j < seen; j++) acc += weights[j] * v.at(b, j, c);
            y.set(acc / total, b, i, c);
          }
        }
  },
});
