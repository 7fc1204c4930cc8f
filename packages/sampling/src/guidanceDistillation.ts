/**
 * Guidance distilled into one network (Meng et al. 2023, "On Distillation of Guided Diffusion Models", section 3.1): the
 * student takes w as an input and learns uncond · teacher(x, t) + cond · teacher(x, t, prompt), cond = 1 + w and
 * uncond = −w. The same holds for x₀, ε and v, all being linear. w = 0 is no guidance, so w = `guidance_scale` − 1.
 */
export function guidanceTarget(w: number): { uncond: number; cond: number } {
  return { uncond: -w, cond: 1 + w };
}

/**
 * How a latent consistency model is told w (Luo et al. 2023; diffusers' `get_guidance_scale_embedding`): a sinusoidal
 * embedding of 1000·w, all sines and then all cosines, of frequencies 10000^(−k/(size/2 − 1)). Added to the time embedding by
 * the network's `time_embedding.cond_proj`. Arguments are rounded to float32 as torch rounds them: w of 7.5 makes them large.
 *
 * @param size `time_cond_proj_dim` of the network; 256 for LCM
 * @throws RangeError if the size is no even whole number of at least 4
 */
export function guidanceEmbedding(w: number, size = 256): Float32Array {
  if (!(Number.isInteger(size) && size >= 4 && size % 2 === 0)) {
    throw new RangeError(`guidanceEmbedding: the size must be an even whole number of at least 4, got ${size}.`);
  }
  const half = size / 2;
  const scaled = Math.fround(Math.fround(w) * 1000);
  const decay = Math.fround(-Math.log(10000) / (half - 1));
  return Float32Array.from({ length: size }, (_, i) => {
    const frequency = Math.fround(Math.exp(Math.fround((i % half) * decay)));
    const angle = Math.fround(scaled * frequency);
    return i < half ? Math.sin(angle) : Math.cos(angle);
  });
}

/**
 * Fourier features of w, which Meng et al. 2023 embed it by: sin(2πfw) for every f, then cos(2πfw). The frequencies are drawn
 * once, normal, and belong to the checkpoint (Song et al. 2021, score_sde's `GaussianFourierProjection`).
 */
export function fourierFeatures(w: number, frequencies: ArrayLike<number>): Float32Array {
  const angles = Array.from(frequencies, (frequency) => 2 * Math.PI * frequency * w);
  return Float32Array.from([...angles.map(Math.sin), ...angles.map(Math.cos)]);
}
