/** Which pixels are edited: 1 or 0, row by row. */
export interface Mask {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
}

/** One number for both directions, or [vertical, horizontal]. */
export type Pair = number | readonly [number, number];
export const pair = (p: Pair): readonly [number, number] => (typeof p === "number" ? [p, p] : p);

/**
 * Pixels where any channel of two pictures [c h w] differs by more than `eps` (Li et al. 2022, §3.2; SIGE takes 0.01 to
 * 0.02 for pictures in −1 … 1).
 */
export function differenceMask(
  original: ArrayLike<number>,
  edited: ArrayLike<number>,
  { height, width, eps = 0.02 }: { height: number; width: number; eps?: number },
): Mask {
  const plane = height * width;
  if (original.length !== edited.length || !original.length || original.length % plane)
    throw new RangeError(
      `differenceMask: pictures of ${original.length} and ${edited.length} numbers are not both planes of ${height}×${width}.`,
    );
  const data = new Uint8Array(plane);
  for (let i = 0; i < original.length; i++) if (Math.abs(edited[i] - original[i]) > eps) data[i % plane] = 1;
  return { height, width, data };
}

/**
 * Grows a mask by `radius` pixels up and down, and left and right, both from the mask as given: a single pixel becomes a
 * plus (`dilate_mask` of lmxyy/sige).
 */
export function dilate(mask: Mask, radius: Pair): Mask {
  const { height, width, data } = mask;
  const [rows, columns] = pair(radius);
  const grown = Uint8Array.from(data);
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++) {
      if (!data[i * width + j]) continue;
      for (let r = Math.max(0, i - rows); r <= Math.min(height - 1, i + rows); r++) grown[r * width + j] = 1;
      for (let c = Math.max(0, j - columns); c <= Math.min(width - 1, j + columns); c++) grown[i * width + c] = 1;
    }
  return { height, width, data: grown };
}

/** Share of edited pixels. */
export const density = ({ data }: Mask): number => data.reduce((sum, x) => sum + x, 0) / data.length;

export interface PyramidOptions {
  /** Halving stops once the next mask would be smaller than this in both directions; default 4. */
  readonly minimum?: Pair;
  /** How far each level grows after it is thresholded; default 1. */
  readonly dilation?: Pair;
  /** Share of a pixel that must be edited; default 0.3. */
  readonly threshold?: number;
}

/** Masks by size, `heightxwidth`. */
export type MaskPyramid = ReadonlyMap<string, Mask>;

/**
 * The mask at its own resolution and at every half of it (`downsample_mask` of lmxyy/sige): shares of edited area are
 * halved bilinearly, cut at min(threshold, largest share − 0.001), and grown. As there, an empty mask makes everything
 * active, since the cut falls below 0; see `activeBlocks` for how to ask for nothing.
 */
export function maskPyramid(
  mask: Mask,
  { minimum = 4, dilation = 1, threshold = 0.3 }: PyramidOptions = {},
): MaskPyramid {
  const [leastHeight, leastWidth] = pair(minimum);
  const pyramid = new Map<string, Mask>();
  let { height, width } = mask;
  let shares = Float32Array.from(mask.data);
  for (;;) {
    const most = shares.reduce((a, b) => Math.max(a, b), 0);
    const cut = Math.min(threshold, most - 1e-3);
    const data = Uint8Array.from(shares, (share) => (share > cut ? 1 : 0));
    pyramid.set(`${height}x${width}`, dilate({ height, width, data }, dilation));
    const [h, w] = [height >> 1, width >> 1];
    if ((h < leastHeight && w < leastWidth) || !h || !w) return pyramid;
    shares = resized(shares, height, width, h, w);
    [height, width] = [h, w];
  }
}

/** Bilinear, pixel centres at halves, as PyTorch's `interpolate` with `align_corners=False`. */
function resized(from: Float32Array, height: number, width: number, h: number, w: number): Float32Array<ArrayBuffer> {
  const along = (i: number, size: number, of: number) => {
    const at = Math.max(0, ((i + 0.5) * of) / size - 0.5);
    const low = Math.min(of - 1, Math.floor(at));
    return { low, high: Math.min(of - 1, low + 1), share: at - low };
  };
  const to = new Float32Array(h * w);
  for (let i = 0; i < h; i++) {
    const y = along(i, h, height);
    for (let j = 0; j < w; j++) {
      const x = along(j, w, width);
      const row = (r: number) => (1 - x.share) * from[r * width + x.low] + x.share * from[r * width + x.high];
      to[i * w + j] = (1 - y.share) * row(y.low) + y.share * row(y.high);
    }
  }
  return to;
}
