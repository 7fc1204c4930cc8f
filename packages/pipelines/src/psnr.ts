import type { Mask } from "@tessera/sparse";

/** 10 log₁₀(2² / mean squared difference) of pictures in −1 … 1 (limited to it), within a mask if one is given; infinite if they are equal. */
export function psnr(a: Float32Array, b: Float32Array, mask?: Mask): number {
  const limit = (x: number) => Math.min(1, Math.max(-1, x));
  let [sum, count] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (mask && !mask.data[i % mask.data.length]) continue;
    sum += (limit(a[i]) - limit(b[i])) ** 2;
    count++;
  }
  return 10 * Math.log10((4 * count) / sum);
}

/** A peak signal-to-noise ratio for people. */
export const printPsnr = (decibels: number): string =>
  decibels === Infinity ? "identical" : `${decibels.toFixed(1)} dB`;
