/** Pixels per side of a scene, and samples per side of a pixel. */
export const side = 64;
export const sampling = 4;
const samples = side * sampling;

export const labels = [
  "sky",
  "ground",
  "water",
  "building",
  "roof",
  "window",
  "door",
  "tree",
  "sun_moon",
  "cloud",
  "hill",
] as const;
export type Label = (typeof labels)[number];

/** Red, green, blue in 0 … 255. */
export type Colour = readonly [number, number, number];
export type Point = readonly [x: number, y: number];

export interface Paint {
  readonly colour: Colour;
  /** Overwrites the label of the samples inside; without it they keep theirs. */
  readonly label?: Label;
  readonly alpha?: number;
  /** Factors of the colour at the left and right end of the shape, linear between. */
  readonly shade?: readonly [number, number];
}

/** Multiplies channel by channel, limited to 255. */
export const times = (c: Colour, t: Colour | number): Colour =>
  c.map((x, i) => Math.min(255, x * (typeof t === "number" ? t : t[i]))) as unknown as Colour;
/** a + (b − a) · t. */
export const mix = (a: Colour, b: Colour, t: number): Colour =>
  a.map((x, i) => x + (b[i] - x) * t) as unknown as Colour;
export const clamp = (x: number, low: number, high: number): number => Math.min(high, Math.max(low, x));

/** Rounds to float32: pictures equal the reference's to the bit only where every sample is computed as it does. */
export const f = Math.fround;

/** Where the middle of sample row or column i lies, in pixels. */
export const position = (i: number): number => (i + 0.5) / sampling;

/** Colours × `factor`, in float32. */
const scaled = (colour: Colour, factor: number): Colour => colour.map((c) => f(f(c) * factor)) as unknown as Colour;

/**
 * A picture of 64 × 64 pixels of 4 × 4 samples, painted shape over shape (townscapes specification, §4). Coordinates are
 * pixels, x to the right, y down.
 */
export class Canvas {
  /** [256 256 3], 0 … 255. */
  readonly colours = new Float32Array(samples * samples * 3);
  /** [256 256], indices into `labels`. */
  readonly labels = new Uint8Array(samples * samples);
  readonly samples = samples;

  /** Puts new = old + (colour − old) · alpha on one sample. */
  blend(row: number, column: number, colour: Colour, alpha = 1): void {
    const at = 3 * (row * samples + column);
    for (let c = 0; c < 3; c++) {
      const old = this.colours[at + c];
      this.colours[at + c] = alpha === 1 ? colour[c] : old + f(f(f(colour[c]) - old) * alpha);
    }
  }

  label(row: number, column: number, label: Label): void {
    this.labels[row * samples + column] = labels.indexOf(label);
  }

  /** Calls `visit` for the samples in and around a box. */
  private within(
    [x0, y0, x1, y1]: readonly [number, number, number, number],
    visit: (x: number, y: number, row: number, column: number) => void,
  ): void {
    const first = (v: number) => Math.max(0, Math.floor(v * sampling));
    const end = (v: number) => Math.min(samples, Math.ceil(v * sampling) + 1);
    for (let row = first(y0); row < end(y1); row++)
      for (let column = first(x0); column < end(x1); column++) visit(position(column), position(row), row, column);
  }

  private paint(row: number, column: number, { label, alpha = 1 }: Paint, colour: Colour): void {
    this.blend(row, column, colour, f(alpha));
    if (label) this.label(row, column, label);
  }

  /** The paint's colour at x, for a shape that reaches from x0 to x1. */
  private shaded({ colour, shade }: Paint, x: number, x0: number, x1: number): Colour {
    if (!shade) return colour;
    const t = clamp(f(f(x - f(x0)) / f(Math.max(x1 - x0, 1e-6))), 0, 1);
    return times(scaled(colour, f(f(shade[0]) + f(f(shade[1] - shade[0]) * t))), 1);
  }

  /** A convex polygon of either orientation, edges included. */
  poly(points: readonly Point[], paint: Paint): void {
    const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
    const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    const edges = points.map((p, i) => [p, points[(i + 1) % points.length]] as const);
    const sign = edges.reduce((area, [a, b]) => area + a[0] * b[1] - b[0] * a[1], 0) > 0 ? 1 : -1;
    this.within([x0, Math.min(...ys), x1, Math.max(...ys)], (x, y, row, column) => {
      const inside = edges.every(
        ([a, b]) => sign * f(f(f(b[0] - a[0]) * f(y - f(a[1]))) - f(f(b[1] - a[1]) * f(x - f(a[0])))) >= 0,
      );
      if (inside) this.paint(row, column, paint, this.shaded(paint, x, x0, x1));
    });
  }

  /** x0 ≤ x < x1, y0 ≤ y < y1. */
  rect(x0: number, y0: number, x1: number, y1: number, paint: Paint): void {
    this.within([x0, y0, x1, y1], (x, y, row, column) => {
      const inside = x >= f(x0) && x < f(x1) && y >= f(y0) && y < f(y1);
      if (inside) this.paint(row, column, paint, this.shaded(paint, x, x0, x1));
    });
  }

  /** An ellipse; `light` brightens its upper left and darkens its lower right, `cut` is a disc that is left out. */
  ellipse(
    [cx, cy]: Point,
    [rx, ry]: Point,
    paint: Paint,
    { light, cut }: { light?: number; cut?: { readonly at: Point; readonly r: number } } = {},
  ): void {
    this.within([cx - rx, cy - ry, cx + rx, cy + ry], (x, y, row, column) => {
      const [dx, dy] = [f(f(x - f(cx)) / f(rx)), f(f(y - f(cy)) / f(ry))];
      if (f(f(dx * dx) + f(dy * dy)) > 1) return;
      if (cut && squaredDistance(x, y, cut.at) <= f(cut.r ** 2)) return;
      const factor = light === undefined ? 1 : f(1 - f(f(light * 0.5) * f(dx + dy)));
      this.paint(row, column, paint, light === undefined ? paint.colour : times(scaled(paint.colour, factor), 1));
    });
  }

  /** Adds light that falls off from `strength` in the middle to nothing at distance r, with its square. */
  glow(middle: Point, r: number, colour: Colour, strength: number): void {
    this.within([middle[0] - r, middle[1] - r, middle[0] + r, middle[1] + r], (x, y, row, column) => {
      const near = clamp(f(1 - f(f(Math.sqrt(squaredDistance(x, y, middle))) / f(r))), 0, 1);
      this.blend(row, column, colour, f(f(strength) * f(near * near)));
    });
  }

  /** The picture [64 64 3]: the mean of each pixel's samples, rounded. And the label [64 64] of its middle sample. */
  finish(): { readonly image: Uint8Array; readonly labels: Uint8Array } {
    const image = new Uint8Array(side * side * 3);
    const middle = new Uint8Array(side * side);
    for (let pixel = 0; pixel < side * side; pixel++) {
      const first = sampling * (Math.floor(pixel / side) * samples + (pixel % side));
      middle[pixel] = this.labels[first + 2 * samples + 2];
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let s = 0; s < sampling ** 2; s++)
          sum = f(sum + this.colours[3 * (first + Math.floor(s / sampling) * samples + (s % sampling)) + c]);
        image[3 * pixel + c] = clamp(Math.floor(f(sum / sampling ** 2 + 0.5)), 0, 255);
      }
    }
    return { image, labels: middle };
  }
}

const squaredDistance = (x: number, y: number, [px, py]: Point): number => {
  const [dx, dy] = [f(x - f(px)), f(y - f(py))];
  return f(f(dx * dx) + f(dy * dy));
};
