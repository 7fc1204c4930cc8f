import { defineOp, require } from "../../graph/defineOp.ts";

/** Mean or largest value of each `size` × `size` window, `stride` apart: PyTorch's AvgPool2d and MaxPool2d, unpadded. */
export const pool = defineOp({
  name: "pool",
  signature: "x[n c h w] -> y[n c ho wo]",
  attrs: { kind: "mean" as "mean" | "max", size: 2, stride: 2 },
  reads: { x: "window" },
  infer({ h, w }, { size, stride }) {
    require(h >= size && w >= size, () => `a ${size}×${size} window does not fit the ${h}×${w} picture`);
    return { ho: Math.floor((h - size) / stride) + 1, wo: Math.floor((w - size) / stride) + 1 };
  },
  reference({ x, y }, { n, c, ho, wo }, { kind, size, stride }) {
    for (let b = 0; b < n; b++)
      for (let ch = 0; ch < c; ch++)
        for (let i = 0; i < ho; i++)
          for (let j = 0; j < wo; j++) {
            let [sum, most] = [0, -Infinity];
            for (let r = 0; r < size; r++)
              for (let s = 0; s < size; s++) {
                const value = x.at(b, ch, i * stride + r, j * stride + s);
                sum += value;
                most = Math.max(most, value);
              }
            y.set(kind === "mean" ? sum / size ** 2 : most, b, ch, i, j);
          }
  },
});
