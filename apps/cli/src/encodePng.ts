import { crc32 } from "node:zlib";
import type { Image } from "@tessera/pipelines";
import { encode } from "fast-png";

/** An opaque picture as PNG, with texts that other programs can read. */
export function encodePng({ width, height, data }: Image, texts: Readonly<Record<string, string>> = {}): Uint8Array {
  const rgb = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) rgb.set(data.subarray(4 * i, 4 * i + 3), 3 * i);
  const png = Buffer.from(encode({ width, height, data: rgb, channels: 3 }));
  const header = 8 + 25; // signature and IHDR
  const chunks = Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text));
  return Buffer.concat([png.subarray(0, header), ...chunks, png.subarray(header)]);
}

/** tEXt for Latin-1, else iTXt, uncompressed and without a language (PNG, third edition, §11.3.3). */
function textChunk(keyword: string, text: string): Buffer {
  const latin = /^[\n\x20-\x7e\xa1-\xff]*$/.test(text);
  const body = latin
    ? Buffer.from(`tEXt${keyword}\0${text}`, "latin1")
    : Buffer.concat([Buffer.from(`iTXt${keyword}\0\0\0\0\0`, "latin1"), Buffer.from(text, "utf8")]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(body.length - 4, 0);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}
