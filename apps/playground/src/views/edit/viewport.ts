/** What a pane shows: the picture's point in its middle, and screen pixels per picture pixel. */
export interface Viewport {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

const [leastScale, mostScale] = [1 / 16, 64];

/** The whole picture, centred, as large as it fits; by whole pixels if it is enlarged. */
export function fit(picture: Size, pane: Size, margin = 12): Viewport {
  const room = Math.min((pane.width - 2 * margin) / picture.width, (pane.height - 2 * margin) / picture.height);
  return { x: picture.width / 2, y: picture.height / 2, scale: limited(room > 3 ? Math.floor(room) : room) };
}

export const toScreen = ({ x, y, scale }: Viewport, pane: Size, p: Point): Point => ({
  x: (p.x - x) * scale + pane.width / 2,
  y: (p.y - y) * scale + pane.height / 2,
});

export const toPicture = ({ x, y, scale }: Viewport, pane: Size, p: Point): Point => ({
  x: (p.x - pane.width / 2) / scale + x,
  y: (p.y - pane.height / 2) / scale + y,
});

/** Larger by a factor; what lies under a point of the screen stays there. */
export function zoom(view: Viewport, pane: Size, at: Point, factor: number): Viewport {
  const scale = limited(view.scale * factor);
  const under = toPicture(view, pane, at);
  const moved = toPicture({ ...view, scale }, pane, at);
  return { x: view.x + under.x - moved.x, y: view.y + under.y - moved.y, scale };
}

/** Moved by screen pixels, but never so far that the pane's middle leaves the picture. */
export function pan({ x, y, scale }: Viewport, { width, height }: Size, dx: number, dy: number): Viewport {
  const within = (value: number, most: number) => Math.min(most, Math.max(0, value));
  return { x: within(x - dx / scale, width), y: within(y - dy / scale, height), scale };
}

const limited = (scale: number): number => Math.min(mostScale, Math.max(leastScale, scale));
