/** The middle value; the mean of the two in the middle of an even number. */
export function median(values: readonly number[]): number {
  if (!values.length) throw new RangeError("median: there are no values.");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median absolute deviation from the median: a spread that one bad sample does not move (Hampel 1974). */
export function medianDeviation(values: readonly number[]): number {
  const middle = median(values);
  return median(values.map((v) => Math.abs(v - middle)));
}

/** Standard error of the median of normal samples, estimated from their median absolute deviation: √(π/2) · 1.4826 mad / √n. */
export function medianError(values: readonly number[]): number {
  return (Math.sqrt(Math.PI / 2) * 1.4826 * medianDeviation(values)) / Math.sqrt(values.length);
}
