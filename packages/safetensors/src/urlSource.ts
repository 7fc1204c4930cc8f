import { openSafetensors, type RangeReader, type SafetensorsSource } from "./openSafetensors.ts";
import type { HeaderLimits } from "./parseHeader.ts";
import { SafetensorsError, type SafetensorsErrorCode } from "./SafetensorsError.ts";

export interface UrlOptions extends HeaderLimits {
  /** Default the platform's `fetch`. */
  fetch?: typeof fetch;
  /** Aborts opening and every later read. */
  signal?: AbortSignal;
  /** Sent with every request, such as `Authorization`. */
  headers?: Record<string, string>;
  /** Bytes of the first request, which most headers fit in; default 128 KiB. */
  prefetchBytes?: number;
  /** Largest file to hold in memory if the server ignores ranges and sends the whole; default 512 MiB. */
  maxWholeBytes?: number;
}

/**
 * Opens a safetensors file at a URL and reads it by HTTP range requests (RFC 9110 §14): one for the header, and one
 * for each tensor. A server that ignores ranges sends the whole file, which is then kept in memory, up to
 * `maxWholeBytes`.
 * @throws {SafetensorsError} `Network`, `Http` (with `numbers.status`), `HtmlResponse`, `Truncated`, `InvalidRange`,
 * `RangeNotSupported`, `Changed` if the file is replaced while it is read; and as `openSafetensors` does
 */
export async function urlSource(url: string | URL, options: UrlOptions = {}): Promise<SafetensorsSource> {
  return openSafetensors(await urlReader(String(url), options), options);
}

async function urlReader(url: string, options: UrlOptions): Promise<RangeReader> {
  const fail = (code: SafetensorsErrorCode, what: string, numbers: Record<string, number> = {}, cause?: unknown) =>
    new SafetensorsError(code, `${url}: ${what}`, { numbers, ...(cause !== undefined && { cause }) });

  const request = async (begin: number, end: number, signal: AbortSignal | undefined) => {
    const send = options.fetch ?? fetch;
    const headers = { ...options.headers, Range: `bytes=${begin}-${end - 1}` };
    let response: Response;
    try {
      response = await send(url, { headers, ...(signal && { signal }) });
    } catch (cause) {
      signal?.throwIfAborted();
      throw fail(
        "Network",
        `the request failed. Check the connection and, in a browser, the server's CORS headers.`,
        {},
        cause,
      );
    }
    try {
      if (!response.ok && response.status !== 416) throw httpError(response);
      if (response.ok && /^text\/html\b/i.test(response.headers.get("content-type") ?? "")) {
        throw fail(
          "HtmlResponse",
          "the server sent an HTML page, perhaps a login page, instead of a safetensors file.",
        );
      }
      if (response.status === 206 && !parseContentRange(response)) {
        throw fail(
          "InvalidRange",
          "a partial response came without a readable Content-Range; a server for browsers must expose it.",
        );
      }
      return response;
    } catch (error) {
      void response.body?.cancel().catch(() => {});
      throw error;
    }
  };

  const httpError = ({ status, headers }: Response) => {
    const retryAfter = headers.get("retry-after");
    const advice =
      status === 401 || status === 403
        ? "The file needs permission: accept its licence, and pass an Authorization header."
        : status === 404
          ? "There is no such file: check the path and the revision."
          : status === 429
            ? `Too many requests: wait ${retryAfter ? `(Retry-After: ${retryAfter})` : "a little"} and try again.`
            : "Try again later.";
    const numbers = { status, ...(Number(retryAfter) > 0 && { retryAfter: Number(retryAfter) }) };
    return fail("Http", `the server answered ${status}. ${advice}`, numbers);
  };

  /** Reads a body into `bytes`; a body that is longer or shorter is an error. */
  const fill = async (response: Response, bytes: Uint8Array, signal: AbortSignal | undefined) => {
    let at = 0;
    await forEachChunk(response, signal, (chunk) => {
      if (at + chunk.length > bytes.length) {
        throw fail("InvalidRange", `asked for ${bytes.length} bytes, but more came.`, { expected: bytes.length });
      }
      bytes.set(chunk, at);
      at += chunk.length;
    });
    if (at < bytes.length) throw truncated(bytes.length, at);
    return bytes;
  };

  const truncated = (expected: number, actual: number, cause?: unknown) =>
    fail(
      "Truncated",
      `the connection ended after ${actual} of ${expected} bytes. Try again.`,
      { expected, actual },
      cause,
    );

  const forEachChunk = async (
    response: Response,
    signal: AbortSignal | undefined,
    take: (chunk: Uint8Array) => void,
  ) => {
    const reader = response.body?.getReader();
    if (!reader) return;
    let received = 0;
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((cause: unknown) => {
          signal?.throwIfAborted();
          throw truncated(Number(response.headers.get("content-length")), received, cause);
        });
        if (done) return;
        take(value);
        received += value.length;
      }
    } finally {
      void reader.cancel().catch(() => {});
    }
  };

  const wholeBody = async (response: Response): Promise<RangeReader> => {
    const limit = options.maxWholeBytes ?? 512 * 2 ** 20;
    const chunks: Uint8Array[] = [];
    const announced = response.headers.get("content-length");
    let size = 0;
    const check = (bytes: number) => {
      if (bytes <= limit) return;
      const what = `the server ignores ranges and sends the whole file of ${bytes} bytes or more, but at most ${limit} are kept in memory. `;
      throw fail("RangeNotSupported", `${what}Use a server with range requests, or raise maxWholeBytes.`, {
        size: bytes,
        limit,
      });
    };
    try {
      check(Number(announced ?? 0));
    } catch (error) {
      void response.body?.cancel().catch(() => {});
      throw error;
    }
    await forEachChunk(response, options.signal, (chunk) => {
      chunks.push(chunk);
      check((size += chunk.length));
    });
    if (announced !== null && !response.headers.get("content-encoding") && Number(announced) !== size) {
      throw truncated(Number(announced), size);
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return { size, read: async (begin, end) => bytes.subarray(begin, end) };
  };

  const prefetch = options.prefetchBytes ?? 128 * 2 ** 10;
  const first = await request(0, prefetch, options.signal);
  if (first.status === 200) return wholeBody(first);
  if (first.status === 416) {
    void first.body?.cancel().catch(() => {});
    if (first.headers.get("content-range") === "bytes */0") return { size: 0, read: async () => new Uint8Array(0) };
    throw fail("InvalidRange", `the server refused the first ${prefetch} bytes (416).`, { status: 416, end: prefetch });
  }
  const { begin, end, size } = parseContentRange(first) ?? { begin: -1, end: -1, size: -1 };
  if (begin !== 0 || end !== Math.min(prefetch, size)) {
    void first.body?.cancel().catch(() => {});
    throw fail("InvalidRange", `asked for bytes 0 to ${prefetch}, but ${begin} to ${end} of ${size} came.`, {
      begin,
      end,
      size,
    });
  }
  const prefix = await fill(first, new Uint8Array(end), options.signal);
  const etag = first.headers.get("etag");

  return {
    size,
    read: async (begin, end, readSignal) => {
      if (end <= prefix.length) return prefix.subarray(begin, end);
      const signals = [options.signal, readSignal].filter((signal) => signal !== undefined);
      const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
      const response = await request(begin, end, signal);
      const got = parseContentRange(response);
      const problem =
        response.status === 416 ||
        (got && got.size !== size) ||
        (etag !== null && (response.headers.get("etag") ?? etag) !== etag)
          ? fail(
              "Changed",
              `the file was replaced while it was read: it had ${size} bytes, now ${got?.size ?? "other"}. Open it again.`,
              {
                before: size,
                ...(got && { now: got.size }),
              },
            )
          : response.status !== 206
            ? fail("RangeNotSupported", `the server stopped honouring ranges (status ${response.status}).`, {
                status: response.status,
              })
            : got!.begin !== begin || got!.end !== end
              ? fail("InvalidRange", `asked for bytes ${begin} to ${end}, but ${got!.begin} to ${got!.end} came.`, {
                  begin,
                  end,
                })
              : undefined;
      if (problem) {
        void response.body?.cancel().catch(() => {});
        throw problem;
      }
      return fill(response, new Uint8Array(end - begin), signal);
    },
  };
}

/** The half-open range and the file's size, from `Content-Range: bytes 0-99/1234`. */
function parseContentRange(response: Response): { begin: number; end: number; size: number } | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  if (!match) return undefined;
  return { begin: Number(match[1]), end: Number(match[2]) + 1, size: Number(match[3]) };
}
