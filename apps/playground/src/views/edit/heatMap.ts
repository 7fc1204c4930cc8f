import type { Image } from "@tessera/pipelines";

/** The largest difference of any channel between two pictures of one size, times `gain`, from black over red to white. */
export function heatMap(a: Image, b: Image, gain: number): Image {
  const data = new Uint8ClampedArray(a.data.length);
  for (let i = 0; i < data.length; i += 4) {
    const most = Math.max(...[i, i + 1, i + 2].map((at) => Math.abs(a.data[at] - b.data[at])));
    const heat = (3 * gain * most) / 255;
    data.set([255 * heat, 255 * (heat - 1), 255 * (heat - 2), 255], i);
  }
  return { width: a.width, height: a.height, data };
}
