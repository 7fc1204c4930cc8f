import { randomUUID } from "node:crypto";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SafetensorsError } from "../SafetensorsError.ts";
import type { ByteSink } from "../writeSafetensors.ts";

const pieceBytes = 64 * 2 ** 20;

/**
 * Writes a file through a sink, all or nothing: the bytes go to a temporary file beside the target, which takes the
 * target's place only when `write` has returned and the bytes are on the disk. If anything fails, the old file is as
 * it was and the temporary one is gone. What is not a regular file (a device, a pipe) is written to directly.
 * @throws {SafetensorsError} `DiskFull` or `WriteFailed` with the path; whatever `write` itself throws, unchanged
 */
export async function replaceFile(path: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
  let written = 0;
  const attempt = <T>(action: Promise<T>): Promise<T> =>
    action.catch((cause: unknown) => {
      throw writeError(path, written, cause);
    });

  const writeTo = async (file: FileHandle) =>
    write({
      write: async (bytes) => {
        for (let at = 0; at < bytes.length;) {
          const { bytesWritten } = await attempt(file.write(bytes, at, Math.min(pieceBytes, bytes.length - at)));
          at += bytesWritten;
          written += bytesWritten;
        }
      },
    });

  const existing = await stat(path).catch(() => undefined);
  if (existing && !existing.isFile()) {
    const file = await attempt(open(path, "w"));
    try {
      await writeTo(file);
    } finally {
      await attempt(file.close());
    }
    return;
  }
  const target = existing ? await attempt(realpath(path)) : path;
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`);
  const file = await attempt(open(temporary, "wx", existing?.mode ?? 0o666));
  try {
    try {
      await writeTo(file);
      await attempt(file.sync());
    } finally {
      await attempt(file.close());
    }
    await attempt(rename(temporary, target));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

function writeError(path: string, written: number, cause: unknown): SafetensorsError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const detail = { numbers: { written }, cause };
  return code === "ENOSPC" || code === "EDQUOT"
    ? new SafetensorsError(
        "DiskFull",
        `${path}: the disk is full after ${written} bytes. Free some space and try again.`,
        detail,
      )
    : new SafetensorsError("WriteFailed", `${path} could not be written: ${message}`, detail);
}
