/** σ = √((1 − ᾱ)/ᾱ) by timestep, rising, in float32; an ᾱ of 0 (zero terminal SNR) counts as 2⁻²⁴, as in diffusers. */
export function sigmasOf(alphaBar: ArrayLike<number>): Float32Array {
  return Float32Array.from(alphaBar, (bar) => Math.sqrt((1 - Math.max(bar, 2 ** -24)) / Math.max(bar, 2 ** -24)));
}

/** `count` values of σ from `max` down to `min` (Karras et al. 2022, eq. 5, ρ = 7), in float32. */
export function karrasSigmas(count: number, { min, max }: { min: number; max: number }): Float32Array {
  const rho = 7;
  const [from, to] = [max ** (1 / rho), min ** (1 / rho)];
  return Float32Array.from(
    { length: count },
    (_, i) => (from + (count > 1 ? i / (count - 1) : 0) * (to - from)) ** rho,
  );
}

/** σ at a timestep between two of the table, on the line between them. */
export function sigmaAt(sigmas: ArrayLike<number>, t: number): number {
  const low = Math.min(Math.floor(t), sigmas.length - 2);
  return sigmas[low] + (t - low) * (sigmas[low + 1] - sigmas[low]);
}

/** The timestep, fractional, at which the table has this σ: on the line in ln σ between two entries, or the nearest end. */
export function timestepOf(sigmas: ArrayLike<number>, sigma: number): number {
  let low = 0;
  while (low < sigmas.length - 2 && sigmas[low + 1] <= sigma) low++;
  const weight = Math.log(sigma / sigmas[low]) / Math.log(sigmas[low + 1] / sigmas[low]);
  return low + Math.min(Math.max(weight, 0), 1);
}
