import { defineOp } from "../../graph/defineOp.ts";

/**
 * Sinusoids of the timestep at `dim / 2` frequencies 10000^(−i / (dim/2 − freqShift)) (Ho et al. 2020, after Vaswani et
 * al. 2017). [sin | cos], or [cos | sin] with `flipSinToCos`; an odd `dim` ends in a zero. Evaluated in float32, as every
 * published network was trained, so the host computes it on all backends.
 */
export const timestepEmbedding = defineOp({
  name: "timestepEmbedding",
  signature: "timestep[n] -> y[n e]",
  attrs: { dim: 0, flipSinToCos: true as boolean, freqShift: 0 },
  reads: { timestep: "point" },
  infer: (_dims, { dim }) => ({ e: dim }),
  reference({ timestep, y }, { n }, { dim, flipSinToCos, freqShift }) {
    const half = Math.floor(dim / 2);
    for (let b = 0; b < n; b++)
      for (let i = 0; i < half; i++) {
        const exponent = Math.fround(Math.fround(Math.fround(-Math.log(10000)) * i) / (half - freqShift));
        const angle = Math.fround(Math.fround(timestep.at(b)) * Math.fround(Math.exp(exponent)));
        y.set(Math.fround(Math.sin(angle)), b, flipSinToCos ? half + i : i);
        y.set(Math.fround(Math.cos(angle)), b, flipSinToCos ? i : half + i);
      }
  },
});
