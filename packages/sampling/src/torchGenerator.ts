import { logf, sincosf } from "./cephes.ts";
import { mt19937 } from "./mt19937.ts";

const twoPi = Math.fround(2 * Math.PI);

/** A stream of standard normal numbers; each call continues where the last one stopped. */
export type Generator = {
  /** The next `count` numbers, as one float32 tensor of that many elements in row-major order. */
  randn(count: number): Float32Array;
};

/**
 * `torch.Generator("cpu").manual_seed(seed)`: `torchGenerator(seed).randn(n)` is `torch.randn(n, generator=…)` in
 * float32, so a seed means the same picture here and in diffusers.
 *
 * Follows ATen's `DistributionTemplates.h`: 24-bit uniforms from MT19937, Box and Muller's transform on 8 + 8 lanes with
 * Cephes' polynomials, the last 16 values drawn anew when `count` is no multiple of 16; below 16 numbers another path, in
 * double precision and in pairs. As in torch, `randn(a)` then `randn(b)` is not the beginning of `randn(a + b)`.
 *
 * Equal to torch on x86 with AVX2 in every bit of every reference at hand (`torchGenerator.test.ts`: 0 ulp); with plain
 * `Math.log`, `Math.sin` and `Math.cos` 16 % of the values differ, by up to 3 ulp.
 *
 * @param seed an integer; like torch, only its low 32 bits count
 * @throws RangeError if the seed is not a safe integer
 */
export function torchGenerator(seed: number): Generator {
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`torchGenerator: the seed must be an integer within ±(2^53 - 1), got ${seed}.`);
  }
  const random = mt19937(seed);
  const uniform24 = () => (random() & 0xffffff) * 2 ** -24;
  const uniform53 = () => ((random() & 0x1fffff) * 2 ** 32 + random()) * 2 ** -53;
  let spare: number | undefined;

  /** One number of the short path: Box and Muller in double precision, the second of each pair kept for the next call. */
  function normal() {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const angle = 2 * Math.PI * uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-uniform53()));
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** 16 uniforms → 16 normals in place: lane j and lane j + 8 make one pair. The `+ 0` is torch's mean: it turns −0 into 0. */
  function boxMuller(lanes: Float32Array) {
    for (let j = 0; j < 8; j++) {
      const radius = Math.fround(Math.sqrt(-2 * logf(1 - lanes[j])));
      const [sine, cosine] = sincosf(Math.fround(twoPi * lanes[j + 8]));
      lanes[j] = radius * cosine + 0;
      lanes[j + 8] = radius * sine + 0;
    }
  }

  return {
    randn(count) {
      const values = new Float32Array(count);
      if (count < 16) return values.map(normal);
      for (let i = 0; i < count; i++) values[i] = uniform24();
      for (let i = 0; i + 16 <= count; i += 16) boxMuller(values.subarray(i, i + 16));
      if (count % 16) {
        const last = values.subarray(count - 16);
        for (let j = 0; j < 16; j++) last[j] = uniform24();
        boxMuller(last);
      }
      return values;
    },
  };
}
