import type { Image } from "@tessera/pipelines";
import type { Device } from "../../engine.ts";
import type { Size } from "./viewport.ts";

/** Sizes that a model paints best, and can paint at all. */
export type PaintableSizes = Pick<Device, "width" | "height" | "sizeStep">;

/**
 * The size at which a model edits a picture: as it is if that is paintable and at most twice as wide and as high as the
 * model's own pictures; or else its shorter side as theirs, and the longer one in proportion, up to twice that.
 */
export function fittedSize({ width, height }: Size, model: PaintableSizes): Size {
  const own = Math.min(model.width, model.height);
  const paintable = (side: number) => side % model.sizeStep === 0 && side >= own && side <= 2 * own;
  if (paintable(width) && paintable(height)) return { width, height };
  const scale = own / Math.min(width, height);
  const side = (length: number) => Math.min(2 * own, Math.round((length * scale) / model.sizeStep) * model.sizeStep);
  return { width: side(width), height: side(height) };
}

/**
 * The picture in a file, upright, scaled to a size that may depend on its own, and cropped evenly where the shapes differ.
 *
 * @throws {Error} for a file that the browser does not show as a picture
 */
export async function openPicture(
  file: Blob,
  name: string,
  sizeOf: (own: Size) => Size,
): Promise<Image & { readonly note: string }> {
  const whole = await createImageBitmap(file).catch((cause: unknown) => {
    throw new Error(`${name} is no picture that this browser can read. Open a PNG, a JPEG or a WebP.`, { cause });
  });
  const { width, height } = sizeOf(whole);
  const scale = Math.max(width / whole.width, height / whole.height);
  const [w, h] = [width / scale, height / scale];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "white"; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, (whole.width - w) / 2, (whole.height - h) / 2, w, h, 0, 0, width, height);
  const same = whole.width === width && whole.height === height;
  const note = same ? "" : `${name} is ${whole.width} × ${whole.height}; this model edits it at ${width} × ${height}.`;
  whole.close();
  return { width, height, data: context.getImageData(0, 0, width, height).data, note };
}
