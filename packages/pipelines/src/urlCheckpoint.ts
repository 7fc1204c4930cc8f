import { SafetensorsError, shardedSource, urlSource, type WeightSource } from "@tessera/safetensors";
import { CheckpointError, type Checkpoint } from "./checkpoint.ts";
import type { CheckpointFiles } from "./checkpointFiles.ts";
import { diffusersCheckpoint } from "./diffusersCheckpoint.ts";

export interface UrlCheckpointOptions {
  /** Default the platform's `fetch`. */
  readonly fetch?: typeof fetch;
  /** Aborts every download. */
  readonly signal?: AbortSignal;
  /** Which precision to ask for first, such as "fp16"; default full. */
  readonly variant?: string;
}

/**
 * A checkpoint in diffusers' layout on the web: `https://huggingface.co/NAME/resolve/main`, say, or a folder of the
 * page's own server. Tensors are fetched by range requests, each when it is needed.
 *
 * @throws {CheckpointError} if there is no `model_index.json` at the address
 */
export async function urlCheckpoint(
  baseUrl: string | URL,
  { fetch: send = (...request) => fetch(...request), signal, variant }: UrlCheckpointOptions = {},
): Promise<Checkpoint> {
  const root = String(baseUrl).replace(/\/*$/, "/");
  const files: CheckpointFiles = {
    location: root,
    async text(path) {
      const response = await send(root + path, { signal });
      if (isAbsent(response)) return undefined;
      if (response.ok) return response.text();
      throw new CheckpointError(`${root}${path}: the server answered ${response.status} ${response.statusText}.`);
    },
    async weights(path): Promise<WeightSource | undefined> {
      if (path.endsWith(".json")) {
        const index = await files.text(path);
        const folder = path.slice(0, path.lastIndexOf("/") + 1);
        return index === undefined
          ? undefined
          : shardedSource(index, (file) => urlSource(root + folder + file, { fetch: send, signal }));
      }
      return urlSource(root + path, { fetch: send, signal }).catch((error: unknown) => {
        const absent =
          error instanceof SafetensorsError && (error.numbers.status === 404 || error.code === "HtmlResponse");
        if (absent) return undefined;
        throw error;
      });
    },
  };
  if ((await files.text("model_index.json")) === undefined) {
    throw new CheckpointError(`There is no checkpoint at ${root}: it has no model_index.json. Check the address.`);
  }
  return diffusersCheckpoint(files, { variant });
}

/** Servers of single-page applications answer with their page where there is no file. */
const isAbsent = (response: Response): boolean =>
  response.status === 404 || (response.ok && /^text\/html\b/i.test(response.headers.get("content-type") ?? ""));
