import { mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { TuningStore } from "@tessera/kernels";
import { replaceFile } from "@tessera/safetensors/node";

/** Where measured choices of kernels are kept: `tessera/tuning.json` in the user's cache folder. */
export function tuningFile(name: string = join(cacheFolder(), "tessera", "tuning.json")): TuningStore {
  return {
    name,
    read: () =>
      readFile(name, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
        return undefined;
      }),
    async write(text) {
      await mkdir(dirname(name), { recursive: true });
      await replaceFile(name, async (sink) => sink.write(new TextEncoder().encode(text)));
    },
  };
}

function cacheFolder(): string {
  if (process.env.XDG_CACHE_HOME) return process.env.XDG_CACHE_HOME;
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches");
  return process.env.LOCALAPPDATA ?? join(homedir(), ".cache");
}
