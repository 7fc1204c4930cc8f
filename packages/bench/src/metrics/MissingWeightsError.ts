/** A metric was asked for whose network's weights were not given. */
export class MissingWeightsError extends Error {
  override readonly name = "MissingWeightsError";
}

/** The weights, or an error that says where they come from and what there is without them. */
export function needed<T>(weights: T | undefined, metric: string, origin: string): T {
  if (weights) return weights;
  throw new MissingWeightsError(
    `${metric} needs its network's weights, and none were given. Save ${origin} as safetensors and give that file. Without them, PSNR and SSIM need no weights, and townscapes have an evaluation network of their own (evalnet).`,
  );
}
