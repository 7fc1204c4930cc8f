import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { UserError } from "./UserError.ts";

/** Refuses a place where no file can be written: better now than after minutes of work. */
export async function checkTarget(path: string): Promise<void> {
  const folder = dirname(path);
  if (!(await stat(folder).catch(() => undefined))?.isDirectory())
    throw new UserError(`${path} cannot be written: there is no folder ${folder}. Make it first.`);
  if ((await stat(path).catch(() => undefined))?.isDirectory())
    throw new UserError(`${path} cannot be written: it is a folder. Give the name of a file.`);
}

/** Refuses a place where no picture can be written. */
export async function checkPicture(path: string): Promise<void> {
  await checkTarget(path);
  if (/\.(jpe?g|webp|gif|avif)$/i.test(path))
    throw new UserError(`${path}: pictures are written as PNG. Give a name that ends in .png.`);
}
