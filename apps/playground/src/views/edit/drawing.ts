import type { Image } from "@tessera/pipelines";

/** What a layer is known by. */
export interface LayerTag {
  readonly id: number;
  /** If it is an accepted result: of what paint on what picture, by their ids. */
  readonly from?: { readonly base: number; readonly paint: number };
}

/** RGBA pixels, row by row, that are never changed in place: one id, one content. */
export interface Layer extends LayerTag {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/** A picture and what is painted on it, each width × height. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly base: Layer;
  readonly paint: Layer;
}

let made = 0;

export const layer = (data: Uint8ClampedArray<ArrayBuffer>): Layer => ({ id: ++made, data });

/** A picture with nothing painted on it. */
export const drawingOn = ({ width, height, data }: Image): Drawing => ({
  width,
  height,
  base: layer(data),
  paint: layer(new Uint8ClampedArray(data.length)),
});

export const isBlank = ({ data }: Layer): boolean => new Uint32Array(data.buffer).every((pixel) => pixel === 0);

/** The paint over the picture. */
export function flatten({ width, height, base, paint }: Drawing): Image {
  const data = base.data.slice();
  for (let i = 0; i < data.length; i += 4) {
    const alpha = paint.data[i + 3] / 255;
    if (alpha > 0) for (let c = i; c < i + 3; c++) data[c] += alpha * (paint.data[c] - data[c]);
  }
  return { width, height, data };
}

/** Paint fainter than this, of 255, is only the soft edge of a brush. */
const faintest = 16;

/** What is painted, white on black. */
export function paintedMask({ width, height, paint }: Drawing): Image {
  const data = new Uint8ClampedArray(paint.data.length);
  for (let i = 0; i < data.length; i += 4) {
    data[i] = data[i + 1] = data[i + 2] = paint.data[i + 3] < faintest ? 0 : 255;
    data[i + 3] = 255;
  }
  return { width, height, data };
}
