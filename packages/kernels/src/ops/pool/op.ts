import { defineOp, require } from "../../graph/defineOp.ts";

/**
 * Mean or largest value of each `size` × `size` window, `stride` apart: PyTorch's AvgPool2d and MaxPool2d. Windows may
 * reach `pad` pixels beyond each side; what is outside counts neither for the maximum nor for the mean
 * (`count_include_pad=False`).
 */
export const pool = defineOp({
  name: "pool",
  signature: "x[n c h w] -> y[n c ho wo]",
  attrs: { kind: "mean" as "mean" | "max", size: 2, stride: 2, pad: 0 },
  reads: { x: "window" },
  infer({ h, w }, { size, stride, pad }) {
    require(h + 2 * pad >= size && w + 2 * pad >= size, () =>
      `a ${size}×${size} window does not fit the ${h}×${w} picture`);
    require(pad <= size / 2, () => `a pad of ${pad} is more than half of the ${size}×${size} window`);
    return {
      ho: Math.floor((h + 2 * pad - size) / stride) + 1,
      wo: Math.floor((w + 2 * pad - size) / stride) + 1,
    };
  },
  reference({ x, y }, { n, c, h, w, ho, wo }, { kind, size, stride, pad }) {
    for (let b = 0; b < n; b++)
      for (let ch = 0; ch < c; ch++)
        for (let i = 0; i < ho; i++)
          for (let j = 0; j < wo; j++) {
            let [sum, count, most] = [0, 0, -Infinity];
            for (let r = i * stride - pad; r < i * stride - pad + size; r++)
              for (let s = j * stride - pad; s < j * stride - pad + size; s++) {
                if (r < 0 || r >= h || s < 0 || s >= w) continue;
                sum += x.at(b, ch, r, s);
                most = Math.max(most, x.at(b, ch, r, s));
                count++;
              }
            y.set(kind === "mean" ? sum / count : most, b, ch, i, j);
          }
  },
});
