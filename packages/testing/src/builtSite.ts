import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext } from "playwright-core";
import type { PreviewServer } from "vite";

/** An app as it was built, to be served as a host would. */
export interface BuiltSite {
  /** Starts a server, with these headers instead of the app's own of that name; its address, ending in a slash. */
  serve(headers?: Readonly<Record<string, string>>): Promise<string>;
  /** Ends all servers and removes the files. */
  close(): Promise<void>;
}

/** Builds an app for production by its Vite config, into a folder of its own. */
export async function builtSite(configFile: string): Promise<BuiltSite> {
  const { build, preview } = await import("vite"); // here, since most tests need neither
  const outDir = await mkdtemp(join(tmpdir(), "tessera-site-"));
  const servers: PreviewServer[] = [];
  const mode = process.env.NODE_ENV;
  process.env.NODE_ENV = "production"; // not that of tests, which JSX would be compiled for
  await build({ configFile, logLevel: "warn", build: { outDir, emptyOutDir: true } });
  process.env.NODE_ENV = mode;
  return {
    async serve(headers) {
      const server = await preview({
        configFile,
        logLevel: "warn",
        build: { outDir },
        preview: { host: "127.0.0.1", port: 0, headers },
      });
      servers.push(server);
      return `http://127.0.0.1:${(server.httpServer.address() as AddressInfo).port}/`;
    },
    async close() {
      await Promise.all(servers.map((server) => server.close()));
      await rm(outDir, { recursive: true });
    },
  };
}

/** Writes down each error and warning of a context's pages, and each request that leaves the server at `url`. */
export function complaintsOf(context: BrowserContext, url: string): string[] {
  const complaints: string[] = [];
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  context.on("weberror", (error) => complaints.push(`exception: ${error.error().message}`));
  context.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url()))
      complaints.push(`request: ${request.url()}`);
  });
  return complaints;
}
