/** A picture of 8-bit RGBA pixels, row by row: what a canvas's ImageData holds. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** 4 · width · height values. */
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/**
 * Planes [3 h w] of about −1 … 1 → opaque picture. Values are limited and rounded as diffusers does
 * (`VaeImageProcessor.postprocess`: x/2 + ½, clamped, times 255, halves to the even neighbour).
 */
export function imageFromTensor(chw: Float32Array, width: number, height: number): Image {
  const plane = width * height;
  const data = new Uint8ClampedArray(4 * plane).fill(255);
  for (let c = 0; c < 3; c++) for (let i = 0; i < plane; i++) data[4 * i + c] = (chw[c * plane + i] / 2 + 0.5) * 255;
  return { width, height, data };
}

/** Picture → planes [3 h w] in −1 … 1. What is transparent shows white. */
export function imageToTensor({ width, height, data }: Image): Float32Array {
  const plane = width * height;
  const chw = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    const alpha = data[4 * i + 3] / 255;
    for (let c = 0; c < 3; c++) chw[c * plane + i] = 2 * ((alpha * data[4 * i + c]) / 255 + 1 - alpha) - 1;
  }
  return chw;
}
