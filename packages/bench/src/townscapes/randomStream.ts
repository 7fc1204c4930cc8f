/** One stream of a scene's random numbers; every call draws, in order, whether or not the result is used. */
export interface RandomStream {
  /** Uniform in [0, 1), a multiple of 2⁻³². */
  u(): number;
  /** Uniform in [a, b). */
  range(a: number, b: number): number;
  /** A whole number 0 … n − 1. */
  index(n: number): number;
  pick<T>(list: readonly T[]): T;
  /** True with probability q. */
  chance(q: number): boolean;
  /** An index, with probability in proportion to its weight. */
  weighted(weights: readonly number[]): number;
}

/** mulberry32 (T. Ettinger), stream k of a seed: 0 attributes, 1 geometry, 2 caption (townscapes specification, §1). */
export function randomStream(seed: number, stream: 0 | 1 | 2): RandomStream {
  let a = (Math.imul(seed, 0x9e3779b1) + Math.imul(stream + 1, 0x85ebca6b)) | 0;
  const u = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const index = (n: number) => Math.floor(u() * n);
  return {
    u,
    index,
    range: (from, to) => from + (to - from) * u(),
    pick: (list) => list[index(list.length)],
    chance: (q) => u() < q,
    weighted(weights) {
      let x = u() * weights.reduce((sum, w) => sum + w, 0);
      const found = weights.findIndex((w) => (x -= w) < 0);
      return found < 0 ? weights.length - 1 : found;
    },
  };
}
