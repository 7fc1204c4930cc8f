import { pair, type Mask, type Pair } from "./mask.ts";

/**
 * A grid of square blocks over a picture, read with their halo and written without: block (i, j) reads `size`² pixels from
 * (step · i − offset), and becomes `tile`² pixels of a result that is `scale` times smaller.
 */
export interface BlockSet {
  /** Unique among geometries, and short enough to name inputs by. */
  readonly key: string;
  /** Of the picture that is read. */
  readonly height: number;
  readonly width: number;
  readonly size: number;
  /** Pixels from one block to the next. */
  readonly step: number;
  /** Pixels of padding, [top, left]. */
  readonly offset: readonly [number, number];
  readonly scale: number;
  readonly tile: number;
  /** Blocks down and across. */
  readonly rows: number;
  readonly columns: number;
}

/** The window that blocks are cut for. */
export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly offset: Pair;
}

/**
 * Blocks for a convolution, about `block` pixels wide (Li et al. 2022, §3.3; `Gather` of lmxyy/sige): with
 * n = ⌊max(block − kernel, 0) / stride⌋ they read n · stride + kernel pixels and give n + 1. A block of 6 for a 3×3 window
 * gives 4, or 2 at stride 2, where it reads 5.
 */
export function blockSet(
  { height, width }: { height: number; width: number },
  { kernel, stride, offset }: Window,
  block: number,
): BlockSet {
  const n = Math.floor(Math.max(block - kernel, 0) / stride);
  const [size, tile, [top, left]] = [n * stride + kernel, n + 1, pair(offset)];
  const step = tile * stride;
  const rows = Math.floor((height + top) / step) + 1;
  const columns = Math.floor((width + left) / step) + 1;
  const key = `${height}x${width}.${size}to${tile}by${stride}+${top}.${left}`;
  return { key, height, width, size, step, offset: [top, left], scale: stride, tile, rows, columns };
}

/** Grid cells [row, column, …] of the blocks that touch the mask, row by row. */
export function activeCells(
  { size, step, offset: [top, left], rows, columns, ...set }: BlockSet,
  mask: Mask,
): number[] {
  if (mask.height !== set.height || mask.width !== set.width)
    throw new RangeError(
      `activeCells: the mask is ${mask.height}×${mask.width}, but the blocks lie on a picture of ${set.height}×${set.width}.`,
    );
  const touches = (row: number, column: number) => {
    const bottom = Math.min(mask.height, row * step - top + size);
    const right = Math.min(mask.width, column * step - left + size);
    for (let i = Math.max(0, row * step - top); i < bottom; i++)
      for (let j = Math.max(0, column * step - left); j < right; j++) if (mask.data[i * mask.width + j]) return true;
    return false;
  };
  const cells: number[] = [];
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) if (touches(row, column)) cells.push(row, column);
  return cells;
}

/**
 * The top left pixels that the active blocks read, [row, column] each, which may lie outside the picture (`reduce_mask` of
 * lmxyy/sige: the mask is max-pooled by blocks).
 */
export function activeBlocks(set: BlockSet, mask: Mask): Int32Array {
  const { step, offset } = set;
  return Int32Array.from(activeCells(set, mask), (cell, i) => cell * step - offset[i % 2]);
}

/** For each cell of the grid, the number of its active block, or −1. */
export function blockMap(
  { step, offset: [top, left], rows, columns }: BlockSet,
  blocks: ArrayLike<number>,
): Int32Array {
  const map = new Int32Array(rows * columns).fill(-1);
  for (let k = 0; k < blocks.length / 2; k++)
    map[((blocks[2 * k] + top) / step) * columns + (blocks[2 * k + 1] + left) / step] = k;
  return map;
}
