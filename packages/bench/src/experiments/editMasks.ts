import { dilate, maskPyramid, type Mask, type MaskPyramid } from "@tessera/sparse";
import type { EditNetwork, PaperNetwork, PictureSize } from "./editNetworks.ts";

/** A mask of squares, as far as they lie in the picture, with their upper left corners at every pair of `tops` and `lefts`. */
function covered(
  { height, width }: PictureSize,
  side: number,
  tops: readonly number[],
  lefts: readonly number[],
): Mask {
  const data = new Uint8Array(height * width);
  for (const top of tops)
    for (const left of lefts)
      for (let i = Math.max(0, top); i < Math.min(height, top + side); i++)
        data.fill(1, i * width + Math.max(0, left), i * width + Math.min(width, left + side));
  return { height, width, data };
}

/** Pixels along a side of each of `grid`² squares that cover a share of the picture together. */
const sideOf = ({ height, width }: PictureSize, share: number, grid: number) =>
  Math.max(1, Math.round(Math.sqrt(share * height * width) / grid));

/** A mask of squares, `grid` each way, which cover a share of the picture together. */
export function squares(size: PictureSize, share: number, grid: number): Mask {
  const side = sideOf(size, share, grid);
  // Off the middle, so that neither blocks nor the picture's halves fit by chance.
  const starts = (length: number) =>
    Array.from({ length: grid }, (_, i) => Math.floor(((i + (grid === 1 ? 0.43 : 0.5)) * length) / grid - side / 2));
  return covered(size, side, starts(size.height), starts(size.width));
}

/** The masks of all sizes for an edit of a square, off the middle, of so many percent of the picture. */
export function editMasks(network: EditNetwork, percent: number): MaskPyramid {
  const { height, width, pyramid } = network;
  const side = percent === 100 ? Math.max(height, width) : sideOf(network, percent / 100, 1);
  const start = (length: number, at: number) => (percent === 100 ? 0 : Math.floor((length - side) * at));
  return maskPyramid(covered(network, side, [start(height, 0.4)], [start(width, 0.6)]), pyramid);
}

/** Edits of one size: in one piece, or in nine pieces that lie apart. */
export const shapes = { square: 1, scattered: 3 } as const;
export type Shape = keyof typeof shapes;

/** The masks of all sizes for an edit of the paper's. */
export function paperMasks(
  network: PaperNetwork,
  { percent, further = 0 }: PaperNetwork["edits"][number],
  shape: Shape,
): MaskPyramid {
  const mask = squares(network, percent / 100, shapes[shape]);
  return maskPyramid(further ? dilate(mask, further) : mask, network.pyramid);
}
