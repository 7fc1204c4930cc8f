import { access, constants, mkdir, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { UserError } from "./UserError.ts";

/** Refuses a place where no file can be written: better now than after minutes of work. */
export async function checkTarget(path: string): Promise<void> {
  if (path === "") throw new UserError("The name of a file to write is empty. Give one.");
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw new UserError(`${path} cannot be written: it is a folder. Give the name of a file.`);
  if (found && !found.isFile()) return; // a device, or a pipe: written to as it is
  const folder = dirname(found ? await realpath(path) : path);
  if (!(await stat(folder).catch(() => undefined))?.isDirectory())
    throw new UserError(`${path} cannot be written: there is no folder ${folder}. Make it first.`);
  if (!(await isWritable(folder)))
    throw new UserError(`${path} cannot be written: ${folder} lets nothing be written into it. Choose another folder.`);
}

/** Refuses a place where no picture can be written. */
export async function checkPicture(path: string): Promise<void> {
  await checkTarget(path);
  if (/\.(jpe?g|webp|gif|avif)$/i.test(path))
    throw new UserError(`${path}: pictures are written as PNG. Give a name that ends in .png.`);
}

/** Makes a folder for results, if there is none, and refuses one in which no file can be written. */
export async function checkFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: Error) => {
    throw new UserError(`The folder ${path} cannot be made: ${cause.message}. Choose another one.`, { cause });
  });
  if (!(await isWritable(path))) throw new UserError(`${path} lets nothing be written into it. Choose another folder.`);
}

const isWritable = (folder: string): Promise<boolean> =>
  access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
