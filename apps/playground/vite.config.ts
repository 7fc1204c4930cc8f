import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import { defaultClientConditions, defineConfig, normalizePath, type Plugin } from "vite";

const repository = normalizePath(fileURLToPath(new URL("../..", import.meta.url)));
const shipped = "checkpoints/townscapes-sd";

/** Everything comes from the page's own server; wasm is compiled from bytes made here. Nothing inline, no eval. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Isolation gives SharedArrayBuffer, and so threads. Without it the page works too, on one thread. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The repository's checkpoint under the page's own address: read in place by `vite`, copied by `vite build`. */
function checkpoint(): Plugin {
  return {
    name: "checkpoint",
    configureServer({ middlewares }) {
      middlewares.use((request, _response, next) => {
        if (request.url?.startsWith(`/${shipped}/`)) request.url = posix.join("/@fs/", repository, request.url);
        next();
      });
    },
    generateBundle() {
      const folder = join(repository, shipped);
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        const fileName = posix.join(shipped, normalizePath(path.slice(folder.length)));
        this.emitFile({ type: "asset", fileName, source: readFileSync(path) });
      }
    },
  };
}

/** The policy in the built page, for hosts that let no one set headers. The development server injects what it forbids. */
const contentSecurityPolicy = (): Plugin => ({
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: policy }, injectTo: "head-prepend" },
  ],
});

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  appType: "mpa", // a file that is not there is a 404
  resolve: { conditions: ["source", ...defaultClientConditions] },
  optimizeDeps: { entries: ["index.html", "src/worker.ts"] },
  plugins: [preact(), checkpoint(), contentSecurityPolicy()],
  worker: { format: "es" },
  build: { target: "es2022", chunkSizeWarningLimit: 1000 },
  server: { headers: isolation },
  preview: { headers: { ...isolation, "Content-Security-Policy": `${policy}; frame-ancestors 'none'` } },
});
