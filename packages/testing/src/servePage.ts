import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import type conformity from "./pages/conformity.ts";
import type lostDevice from "./pages/lostDevice.ts";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const emptyPage = `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>Tessera</title><body></body></html>`;

/** A server on this machine; `url` is the page's, ending in a slash. */
export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves a folder (the repository, unless said otherwise) with a page at `/`. Modules are compiled from their TypeScript
 * sources, packages included; all else is served as it is, so that a page may `fetch("/fixtures/ops.json")`. The page is
 * cross-origin isolated, so wasm threads work; nothing is watched or reloaded.
 */
export async function servePage({ root = repository, html = emptyPage } = {}): Promise<PageServer> {
  const { createServer, defaultClientConditions } = await import("vite"); // here, since most tests need no server
  const server = await createServer({
    root,
    configFile: false,
    appType: "custom",
    logLevel: "warn",
    resolve: { conditions: ["source", ...defaultClientConditions] },
    optimizeDeps: { noDiscovery: true, include: [] },
    server: {
      host: "127.0.0.1",
      port: 0,
      hmr: false,
      ws: false,
      watch: null,
      headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
    },
    plugins: [
      {
        name: "page",
        configureServer: ({ middlewares, config }) => {
          middlewares.use((request, response, next) => {
            if (request.url !== "/") return next();
            for (const [name, value] of Object.entries(config.server.headers)) response.setHeader(name, value ?? "");
            response.setHeader("Content-Type", "text/html").end(html);
          });
        },
      },
    ],
  });
  await server.listen();
  const { port } = server.httpServer!.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

/** What a test may have a page do: each is the default export of the module of that name in `pages/`. */
interface Pages {
  readonly conformity: typeof conformity;
  readonly lostDevice: typeof lostDevice;
}

/** Imports a module of `pages/` in a page of this server and calls it. Arguments and result travel as JSON. */
export function callInPage<P extends keyof Pages>(
  page: Page,
  name: P,
  ...args: Parameters<Pages[P]>
): Promise<Awaited<ReturnType<Pages[P]>>> {
  const url = JSON.stringify(`/packages/testing/src/pages/${name}.ts`);
  return page.evaluate(`import(${url}).then((m) => m.default(...${JSON.stringify(args)}))`);
}
