import { decode, hasPngSignature, type DecodedPng } from "fast-png";
import { damaged, readGiven } from "./givenFile.ts";
import { UserError } from "./UserError.ts";

/** A PNG file whose pixels are numbers or names of things, not brightness. */
export interface PixelMap {
  readonly width: number;
  readonly height: number;
  /** Row by row: grey values of 8 or 16 bits, indices into a palette, or colours as 0xrrggbb. */
  readonly values: ArrayLike<number>;
  readonly kind: "numbers" | "colours";
}

/** Reads a PNG file as it is: nothing is scaled, and palettes are not looked up. */
export async function readMap(path: string): Promise<PixelMap> {
  const bytes = await readGiven(path);
  if (!hasPngSignature(bytes))
    throw new UserError(`${path} is not a PNG file. Maps of labels must be PNG: other formats change the numbers.`);
  let png: DecodedPng;
  try {
    png = decode(bytes, { checkCrc: true });
  } catch (cause) {
    throw damaged(path, cause);
  }
  const { width, height, channels, depth, data } = png;
  if (depth < 8) throw new UserError(`${path} has ${depth} bits a pixel. Save it with 8 or 16.`);
  if (channels < 3) {
    const values = channels === 1 ? data : data.filter((_, i) => i % channels === 0);
    return { width, height, values, kind: "numbers" };
  }
  if (depth !== 8) throw new UserError(`${path} has colours of ${depth} bits. Save it with 8.`);
  const values = Int32Array.from({ length: width * height }, (_, i) => {
    const [red, green, blue] = data.subarray(channels * i);
    return (red << 16) | (green << 8) | blue;
  });
  return { width, height, values, kind: "colours" };
}
