import type { Image } from "@tessera/pipelines";
import { convertIndexedToRgb, decode, hasPngSignature, type DecodedPng } from "fast-png";
import jpeg from "jpeg-js";
import { damaged, readGiven } from "./givenFile.ts";
import { UserError } from "./UserError.ts";

/** More is refused before anything is unpacked: a small file can claim any size. */
const mostPixels = 64e6;

/** Reads a PNG or JPEG file as RGBA. */
export async function readImage(path: string): Promise<Image> {
  const bytes = await readGiven(path);
  try {
    if (hasPngSignature(bytes)) {
      checkSize(bytes.readUInt32BE(16), bytes.readUInt32BE(20));
      return fromPng(decode(bytes, { checkCrc: true }));
    }
    if (bytes[0] === 0xff && bytes[1] === 0xd8) {
      const { width, height, data } = jpeg.decode(bytes, {
        useTArray: true,
        formatAsRGBA: true,
        maxResolutionInMP: mostPixels / 1e6,
      });
      return { width, height, data: Uint8ClampedArray.from(data) };
    }
  } catch (cause) {
    throw damaged(path, cause);
  }
  throw new UserError(`${path} is neither PNG nor JPEG. Convert it to PNG.`);
}

function checkSize(width: number, height: number): void {
  if (width * height > mostPixels)
    throw new Error(`${width}×${height} pixels are more than ${mostPixels / 1e6} million; scale it down first`);
}

function fromPng(png: DecodedPng): Image {
  const { width, height, palette, depth } = png;
  if (depth < 8 && !palette) throw new Error(`grey of ${depth} bits is not supported; save it with 8 bits`);
  const samples = palette ? convertIndexedToRgb(png) : png.data;
  const channels = palette ? palette[0].length : png.channels;
  const most = samples instanceof Uint16Array ? 65535 : 255;
  const data = new Uint8ClampedArray(4 * width * height);
  const alpha = channels === 2 || channels === 4 ? channels - 1 : undefined;
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) data[4 * i + c] = (255 * samples[channels * i + (channels > 2 ? c : 0)]) / most;
    data[4 * i + 3] = alpha === undefined ? 255 : (255 * samples[channels * i + alpha]) / most;
  }
  return { width, height, data };
}
