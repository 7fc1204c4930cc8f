import type { ActiveBlocks, Image } from "@tessera/pipelines";
import { bitmapOf } from "./bitmaps.ts";
import { toScreen, type Point, type Size, type Viewport } from "./viewport.ts";

/** What a pane shows. */
export interface Scene extends Size {
  /** From the lowest to the topmost. */
  readonly images: readonly Image[];
  readonly blocks?: ActiveBlocks;
  /** A ring about the pointer, diameter in pixels of the picture. */
  readonly cursor?: Point & { readonly size: number };
}

/** Draws a scene on a pane, whose size and view are in CSS pixels. */
export function drawScene(
  context: CanvasRenderingContext2D,
  { width, height, images, blocks, cursor }: Scene,
  view: Viewport,
  pane: Size,
  colours: { readonly tile: string; readonly edge: string },
): void {
  const ratio = context.canvas.width / pane.width;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, pane.width, pane.height);
  const { x: left, y: top } = toScreen(view, pane, { x: 0, y: 0 });
  const [w, h] = [width * view.scale, height * view.scale];
  context.imageSmoothingEnabled = view.scale * ratio < 1;
  context.imageSmoothingQuality = "high";
  for (const image of images) context.drawImage(bitmapOf(image), left, top, w, h);
  if (blocks) drawBlocks(context, blocks, { left, top, width: w, height: h }, colours.tile);
  context.strokeStyle = colours.edge;
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, top - 0.5, w + 1, h + 1);
  if (cursor) drawCursor(context, toScreen(view, pane, cursor), Math.max(3, (cursor.size / 2) * view.scale));
}

/** The active tiles in full light, all else veiled. */
function drawBlocks(
  context: CanvasRenderingContext2D,
  { tiles, step, width, height }: ActiveBlocks,
  picture: Size & { readonly left: number; readonly top: number },
  colour: string,
): void {
  const [sx, sy] = [picture.width / width, picture.height / height];
  const active = new Path2D();
  for (let i = 0; i < tiles.length; i += 2) {
    const [y, x] = [tiles[i], tiles[i + 1]];
    const [w, h] = [Math.min(step, width - x), Math.min(step, height - y)];
    if (w > 0 && h > 0) active.rect(picture.left + x * sx, picture.top + y * sy, w * sx, h * sy);
  }
  const veil = new Path2D(active);
  veil.rect(picture.left, picture.top, picture.width, picture.height);
  context.save();
  context.clip(veil, "evenodd");
  context.fillStyle = "rgb(0 0 0 / 0.3)";
  context.fillRect(picture.left, picture.top, picture.width, picture.height);
  context.restore();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.stroke(active);
}

/** Dark about light, to be seen on anything. */
function drawCursor(context: CanvasRenderingContext2D, { x, y }: Point, radius: number): void {
  for (const [colour, width] of [
    ["rgb(0 0 0 / 0.7)", 3],
    ["#fff", 1.25],
  ] as const) {
    // prettier-ignore
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}
