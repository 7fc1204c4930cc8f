import { open } from "node:fs/promises";
import { openSafetensors, type SafetensorsSource } from "../openSafetensors.ts";
import type { HeaderLimits } from "../parseHeader.ts";
import { SafetensorsError } from "../SafetensorsError.ts";

const pieceBytes = 64 * 2 ** 20;

/**
 * Opens a safetensors file on disk. Each tensor is read at its own position when it is asked for, so reads may overlap
 * in time; close the source to release the file.
 * @throws {SafetensorsError} `NotFound` or `ReadFailed` with the path, and as `openSafetensors` does
 */
export async function fileSource(path: string, limits: HeaderLimits = {}): Promise<SafetensorsSource> {
  const file = await open(path).catch((cause: unknown) => {
    throw readError(path, cause);
  });
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await file.close();
  };
  const stats = await file.stat();
  if (!stats.isFile()) {
    await close();
    throw new SafetensorsError("ReadFailed", `${path} is not a regular file.`);
  }
  const read = async (begin: number, end: number, signal?: AbortSignal): Promise<Uint8Array> => {
    if (closed) throw new SafetensorsError("Closed", `${path} was closed; open it again to read from it.`);
    const bytes = new Uint8Array(end - begin);
    let at = 0;
    while (at < bytes.length) {
      signal?.throwIfAborted();
      const { bytesRead } = await file
        .read(bytes, at, Math.min(pieceBytes, bytes.length - at), begin + at)
        .catch((cause: unknown) => {
          throw readError(path, cause);
        });
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  };
  try {
    return await openSafetensors({ size: stats.size, read, close }, limits);
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    throw new SafetensorsError(error.code, `${path}: ${error.message}`, {
      numbers: error.numbers,
      cause: error,
      ...(error.tensor !== undefined && { tensor: error.tensor }),
    });
  }
}

/** The error for a file that cannot be opened or read. */
export function readError(path: string, cause: unknown): SafetensorsError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return code === "ENOENT"
    ? new SafetensorsError("NotFound", `${path} does not exist.`, { cause })
    : new SafetensorsError("ReadFailed", `${path} could not be read: ${message}`, { cause });
}
