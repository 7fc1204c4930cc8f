/** Largest |a − b| as a share of the largest |b|; Infinity where lengths differ or a number is not finite. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let [worst, largest] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const d = Math.abs(a[i] - b[i]);
    if (!(d < Infinity)) return Infinity;
    worst = Math.max(worst, d);
    largest = Math.max(largest, Math.abs(b[i]));
  }
  return worst === 0 ? 0 : worst / largest;
}

/** Engines that differ by more are not timed: they do not compute the same. Winograd differs by 1e-4, f16 storage by 1e-3. */
export const agreement = 2e-3;

/** The same between our own settings, of which one may round half-float weights once more: Winograd's transforms do. */
export const agreementInHalves = 1e-2;
