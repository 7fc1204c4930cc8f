import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { urlSource } from "./urlSource.ts";
import { encodeSafetensors } from "./writeSafetensors.ts";

const random = Uint8Array.from({ length: 4096 }, (_, i) => (i * 40503) >>> 8);
const file = encodeSafetensors({
  big: { dtype: "F32", shape: [1024], data: random },
  small: { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) },
  zero: { dtype: "U8", shape: [0], data: new Uint8Array(0) },
});
const bigBegin = file.length - 4096 - 3;

let server: Server;
let requests: string[] = [];

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function serve(handler: Handler): Promise<string> {
  requests = [];
  server = createServer((request, response) => {
    requests.push(request.headers.range ?? "");
    handler(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.safetensors`;
}

afterEach(() => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

/** A server that does ranges right, with these changes to the headers. */
const ranges = (request: IncomingMessage, response: ServerResponse, bytes = file, headers = {}) => {
  const [begin, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range!)!.slice(1).map(Number) as [number, number];
  const end = Math.min(last + 1, bytes.length);
  response.writeHead(206, { "content-range": `bytes ${begin}-${end - 1}/${bytes.length}`, etag: '"1"', ...headers });
  response.end(bytes.subarray(begin, end));
};
const page = (response: ServerResponse, status = 200) =>
  response.writeHead(status, { "content-type": "text/html; charset=utf-8" }).end("<!DOCTYPE html><p>Log in");

describe("reads", () => {
  test("one range for the header and one for each tensor", async () => {
    const url = await serve((request, response) => ranges(request, response));
    const source = await urlSource(url, { prefetchBytes: bigBegin });
    expect((await source.get("big")).data).toEqual(random);
    expect((await source.get("zero")).data).toHaveLength(0);
    expect((await source.get("small")).data).toEqual(Uint8Array.of(1, 2, 3));
    expect(requests).toEqual([
      `bytes=0-${bigBegin - 1}`,
      `bytes=${bigBegin}-${bigBegin + 4095}`,
      `bytes=${bigBegin + 4096}-${bigBegin + 4098}`,
    ]);
  });

  test("a header longer than the first request, and a file shorter than it", async () => {
    const url = await serve((request, response) => ranges(request, response));
    const long = await urlSource(url, { prefetchBytes: 20 });
    expect(requests).toEqual(["bytes=0-19", `bytes=8-${bigBegin - 1}`]);
    expect((await long.get("big")).data).toEqual(random);
    const short = await urlSource(url);
    expect((await short.get("big")).data).toEqual(random);
    expect(requests).toHaveLength(4);
  });

  test("a whole file from a server that ignores ranges, up to a limit", async () => {
    const url = await serve((_, response) => void response.writeHead(200).end(file));
    const source = await urlSource(url);
    expect((await source.get("big")).data).toEqual(random);
    expect(requests).toHaveLength(1);
    await expect(urlSource(url, { maxWholeBytes: 4000 })).rejects.toMatchObject({
      code: "RangeNotSupported",
      numbers: { limit: 4000 },
    });
  });

  test("headers are sent, and fetch can be replaced", async () => {
    const url = await serve((request, response) =>
      request.headers.authorization === "Bearer x" ? ranges(request, response) : response.writeHead(401).end(),
    );
    await expect(urlSource(url)).rejects.toMatchObject({ code: "Http", numbers: { status: 401 } });
    const urls: string[] = [];
    const spy: typeof fetch = (input, init) => (urls.push(String(input)), fetch(input, init));
    await urlSource(url, { headers: { Authorization: "Bearer x" }, fetch: spy });
    expect(urls).toEqual([url]);
  });
});

describe("rejects on opening", () => {
  const cases: [what: string, handler: Handler, code: string, numbers?: Record<string, number>][] = [
    ["404", (_, r) => void r.writeHead(404).end(), "Http", { status: 404 }],
    ["403 with a page", (_, r) => void page(r, 403), "Http", { status: 403 }],
    ["429", (_, r) => void r.writeHead(429, { "retry-after": "7" }).end(), "Http", { status: 429, retryAfter: 7 }],
    ["500", (_, r) => void r.writeHead(500).end(), "Http", { status: 500 }],
    ["204", (_, r) => void r.writeHead(204).end(), "InvalidRange"],
    ["a login page", (_, r) => void page(r), "HtmlResponse"],
    [
      "a login page behind a redirect",
      (q, r) => void (q.url === "/login" ? page(r) : r.writeHead(302, { location: "/login" }).end()),
      "HtmlResponse",
    ],
    ["a page without a type", (_, r) => void r.writeHead(200).end("<html><body>Log in"), "HtmlResponse"],
    ["416", (_, r) => void r.writeHead(416).end(), "InvalidRange"],
    ["an empty file", (_, r) => void r.writeHead(416, { "content-range": "bytes */0" }).end(), "HeaderTooSmall"],
    ["an empty whole file", (_, r) => void r.writeHead(200).end(), "HeaderTooSmall"],
    ["206 without Content-Range", (_, r) => void r.writeHead(206).end(file), "InvalidRange"],
    [
      "206 of another range",
      (q, r) => ranges(q, r, file, { "content-range": `bytes 5-9/${file.length}` }),
      "InvalidRange",
    ],
    ["a file cut off before its end", (q, r) => ranges(q, r, file.subarray(0, file.length - 1)), "InvalidOffsets"],
    [
      "fewer bytes than the range",
      (q, r) => ranges(q, r, file.subarray(0, 99), { "content-range": "bytes 0-199/200" }),
      "Truncated",
      { expected: 200, actual: 99 },
    ],
    [
      "more bytes than the range",
      (q, r) => ranges(q, r, file, { "content-range": "bytes 0-199/200" }),
      "InvalidRange",
      { expected: 200 },
    ],
    [
      "a body that breaks off",
      (_, r) => {
        r.writeHead(200, { "content-length": file.length });
        r.write(file.subarray(0, 1000), () => r.destroy());
      },
      "Truncated",
    ],
    ["a connection that closes", (_, r) => void r.destroy(), "Network"],
  ];
  test.each(cases)("%s", async (_, handler, code, numbers) => {
    const error: unknown = await urlSource(await serve(handler)).catch((error: unknown) => error);
    expect(error).toMatchObject({ name: "SafetensorsError", code, ...(numbers && { numbers }) });
  });
});

describe("rejects on reading", () => {
  const cases: [what: string, second: Handler, code: string][] = [
    ["a file replaced by a longer one", (q, r) => ranges(q, r, Uint8Array.of(...file, 0)), "Changed"],
    ["a file replaced by one as long", (q, r) => ranges(q, r, file, { etag: '"2"' }), "Changed"],
    ["416", (_, r) => void r.writeHead(416).end(), "Changed"],
    ["the whole file", (_, r) => void r.writeHead(200).end(file), "RangeNotSupported"],
    ["another range", (q, r) => ranges(q, r, file, { "content-range": `bytes 0-4095/${file.length}` }), "InvalidRange"],
    ["a login page", (_, r) => void page(r), "HtmlResponse"],
    [
      "a body that breaks off",
      (_, r) => {
        r.writeHead(206, {
          "content-range": `bytes ${bigBegin}-${bigBegin + 4095}/${file.length}`,
          "content-length": 4096,
        });
        r.write(random.subarray(0, 1000), () => r.destroy());
      },
      "Truncated",
    ],
  ];
  test.each(cases)("%s", async (_, second, code) => {
    const url = await serve((request, response, count) =>
      count === 1 ? ranges(request, response) : second(request, response, count),
    );
    const source = await urlSource(url, { prefetchBytes: bigBegin });
    await expect(source.get("big")).rejects.toMatchObject({ name: "SafetensorsError", code });
  });

  test("an abort, of one read or of the source", async () => {
    const url = await serve((request, response, count) => {
      if (count === 1) ranges(request, response);
    });
    const all = new AbortController();
    const source = await urlSource(url, { prefetchBytes: bigBegin, signal: all.signal });
    const one = new AbortController();
    const read = source.get("big", { signal: one.signal });
    one.abort();
    await expect(read).rejects.toMatchObject({ name: "AbortError" });
    const other = source.get("big", { signal: new AbortController().signal });
    all.abort();
    await expect(other).rejects.toMatchObject({ name: "AbortError" });
  });
});
