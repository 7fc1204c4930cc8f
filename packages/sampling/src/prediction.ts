/** A row of coefficients: value = row.x · x_t + row.out · model(x_t, t). */
export type Row = { x: number; out: number };

/** What a network's output says about the clean image x₀ and the noise ε in x_t = a·x₀ + s·ε; a = √ᾱ, s = √(1 − ᾱ). */
export type Prediction = (a: number, s: number) => { x0: Row; eps: Row };

/** The three things networks are trained to predict, under diffusers' names (`prediction_type`). */
export const prediction = {
  /** ε, the noise: x₀ = (x − s·ε)/a (Ho et al. 2020, eq. 9, solved for x₀). */
  epsilon: (a, s) => ({ x0: { x: 1 / a, out: -s / a }, eps: { x: 0, out: 1 } }),
  /** v = a·ε − s·x₀, the velocity (Salimans and Ho 2022, appendix D). */
  v_prediction: (a, s) => ({ x0: { x: a, out: -s }, eps: { x: s, out: a } }),
  /** x₀, the clean image itself. */
  sample: (a, s) => ({ x0: { x: 0, out: 1 }, eps: { x: 1 / s, out: -a / s } }),
} satisfies Record<string, Prediction>;

/**
 * The prediction that a config names in `prediction_type`.
 *
 * @throws RangeError if the name is not known here
 */
export function predictionOf(name = "epsilon"): Prediction {
  if (Object.hasOwn(prediction, name)) return prediction[name as keyof typeof prediction];
  const known = Object.keys(prediction).join(", ");
  throw new RangeError(`predictionOf: prediction_type "${name}" is unknown. Known: ${known}.`);
}
