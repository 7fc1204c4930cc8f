/**
 * Classifier-free guidance as coefficients: out = uncond · model(x, t, no prompt) + cond · model(x, t, prompt).
 * Ho and Salimans 2021, eq. 6 with w = scale − 1; diffusers' `guidance_scale`. At 1 the unconditional call falls away.
 */
export function guidance(scale: number): { uncond: number; cond: number } {
  return { uncond: 1 - scale, cond: scale };
}
