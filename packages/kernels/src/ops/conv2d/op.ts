import { defineOp, require } from "../../graph/defineOp.ts";

/** 2-D cross-correlation with zero padding: PyTorch's Conv2d, less the bias, which is an `add`. */
export const conv2d = defineOp({
  name: "conv2d",
  signature: "x[n ci h w] weight[co cg kh kw] -> y[n co ho wo]",
  /** `pad` is [top, left, bottom, right]. */
  attrs: { stride: 1, pad: [0, 0, 0, 0] as readonly number[], groups: 1, dilation: 1 },
  reads: { x: "window", weight: "all" },
  infer({ ci, co, cg, h, w, kh, kw }, { stride, pad, groups, dilation }) {
    require(ci === cg * groups, () => `x has ${ci} channels, weight expects ${cg} × ${groups} groups`);
    require(co % groups === 0, () => `${co} output channels do not divide into ${groups} groups`);
    const [top, left, bottom, right] = pad as [number, number, number, number];
    const [ho, wo] = [
      Math.floor((h + top + bottom - dilation * (kh - 1) - 1) / stride) + 1,
      Math.floor((w + left + right - dilation * (kw - 1) - 1) / stride) + 1,
    ];
    require(ho > 0 && wo > 0, () =>
      `a ${kh}×${kw} window does not fit the ${h}×${w} picture padded by [${pad.join(" ")}]`);
    return { ho, wo };
  },
  macs: ({ n, co, ho, wo, cg, kh, kw }) => n * co * ho * wo * cg * kh * kw,
  reference({ x, weight, y }, { n, h, w, co, ho, wo, cg, kh, kw }, { stride, pad, groups, dilation }) {
    for (let b = 0; b < n; b++)
      for (let o = 0; o < co; o++) {
        const first = Math.floor(o / (co / groups)) * cg; // first input channel of o's group
        for (let i = 0; i < ho; i++)
          for (let j = 0; j < wo; j++) {
            let acc = 0;
            for (let r = 0; r < kh; r++) {
              const row = i * stride + r * dilation - pad[0];
              for (let s = 0; s < kw; s++) {
                const col = j * stride + s * dilation - pad[1];
                if (row < 0 || row >= h || col < 0 || col >= w) continue; // outside the picture is zero
                for (let c = 0; c < cg; c++) acc += x.at(b, first + c, row, col) * weight.at(o, c, r, s);
              }
            }
            y.set(acc, b, o, i, j);
          }
      }
  },
});
