import { readFile } from "node:fs/promises";
import { UserError } from "./UserError.ts";

const why: Readonly<Record<string, string>> = { ENOENT: "does not exist", EISDIR: "is a folder, not a file" };

/** The bytes of a file that the user named. */
export async function readGiven(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(`${path} ${why[cause.code ?? ""] ?? `cannot be read: ${cause.message}`}.`, { cause });
  });
}

/** What to say of a file whose bytes a decoder refuses. */
export const damaged = (path: string, cause: unknown): UserError =>
  new UserError(`${path} is damaged: ${(cause as Error).message.replace(/[:.\s]+$/, "")}.`, { cause });
