/** Red, green and blue, 0 … 255. */
export type Colour = readonly [number, number, number];

export const hexOf = (colour: Colour): string => `#${colour.map((v) => v.toString(16).padStart(2, "0")).join("")}`;

export const colourOf = (hex: string): Colour => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as never;

export interface Brush {
  /** What it leaves; undefined takes paint away. */
  readonly colour: Colour | undefined;
  /** Share of a touch's radius that is fully covered, 0 … 1. */
  readonly hardness: number;
  /** 0 … 1. */
  readonly opacity: number;
}

/** A touch of the brush, in pixels of the picture; (0.5, 0.5) is the middle of the first one. */
export interface Touch {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** Pixels from (left, top) to before (right, bottom). */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** How much of each pixel is covered, 0 … 255. */
export interface Coverage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export const coverageOf = (width: number, height: number): Coverage => ({
  width,
  height,
  data: new Uint8Array(width * height),
});

/**
 * Covers what a brush passes over from one touch to another, whose radius changes on the way. A stroke covers a pixel as
 * much as its closest part does, however often it passes. Returns where anything may have changed.
 */
export function cover({ width, height, data }: Coverage, from: Touch, to: Touch, hardness: number): Box {
  const reach = Math.max(from.radius, to.radius) + 1;
  const box = {
    left: Math.max(0, Math.floor(Math.min(from.x, to.x) - reach)),
    top: Math.max(0, Math.floor(Math.min(from.y, to.y) - reach)),
    right: Math.min(width, Math.ceil(Math.max(from.x, to.x) + reach)),
    bottom: Math.min(height, Math.ceil(Math.max(from.y, to.y) + reach)),
  };
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const squared = dx * dx + dy * dy;
  for (let row = box.top; row < box.bottom; row++)
    for (let column = box.left; column < box.right; column++) {
      const [px, py] = [column + 0.5 - from.x, row + 0.5 - from.y];
      const along =
        squared > 0 ? Math.min(1, Math.max(0, (px * dx + py * dy) / squared)) : Number(to.radius > from.radius);
      const radius = from.radius + along * (to.radius - from.radius);
      const distance = Math.hypot(px - along * dx, py - along * dy);
      const soft = 1 + (1 - hardness) * radius; // a hard edge is one pixel wide
      const share = Math.min(1, Math.max(0, (radius + 0.5 - distance) / soft));
      const at = row * width + column;
      data[at] = Math.max(data[at], Math.round(255 * share));
    }
  return box;
}

/** Writes to `target` what `before`, both RGBA, becomes where the brush has passed, within a box. */
export function lay(
  target: Uint8ClampedArray,
  before: Uint8ClampedArray,
  { width, data }: Coverage,
  { colour, opacity }: Brush,
  { left, top, right, bottom }: Box,
): void {
  for (let row = top; row < bottom; row++)
    for (let column = left; column < right; column++) {
      const at = row * width + column;
      const share = (opacity * data[at]) / 255;
      const under = (before[4 * at + 3] / 255) * (1 - share);
      const alpha = colour ? share + under : under;
      for (let c = 0; c < 3; c++)
        target[4 * at + c] =
          alpha === 0 ? 0 : colour ? (share * colour[c] + under * before[4 * at + c]) / alpha : before[4 * at + c];
      target[4 * at + 3] = 255 * alpha;
    }
}
