import type { Image } from "@tessera/pipelines";
import type { Box } from "./stroke.ts";

const bitmaps = new WeakMap<Uint8ClampedArray, OffscreenCanvas>();

/** Pixels as something that can be drawn scaled. Made once; pixels that change must be told to `refresh`. */
export function bitmapOf({ width, height, data }: Image): OffscreenCanvas {
  const known = bitmaps.get(data);
  if (known) return known;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")!.putImageData(new ImageData(data, width, height), 0, 0);
  bitmaps.set(data, canvas);
  return canvas;
}

/** Copies the pixels in a box anew. */
export function refresh(image: Image, { left, top, right, bottom }: Box): void {
  const pixels = new ImageData(image.data, image.width, image.height);
  bitmapOf(image)
    .getContext("2d")!
    .putImageData(pixels, 0, 0, left, top, right - left, bottom - top);
}
