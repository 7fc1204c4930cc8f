import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { defaultClientConditions, normalizePath, type Plugin, type UserConfig } from "vite";

const repository = normalizePath(fileURLToPath(new URL("..", import.meta.url)));
const shipped = "checkpoints/townscapes-sd";

/** Everything comes from the page's own server; wasm is compiled from bytes made here. Nothing inline, no eval. */
const directives = {
  "default-src": "'none'",
  "script-src": "'self' 'wasm-unsafe-eval'",
  "worker-src": "'self'",
  "style-src": "'self'",
  "img-src": "'self' blob:",
  "connect-src": "'self'",
  "base-uri": "'none'",
  "form-action": "'none'",
};

/** Isolation gives SharedArrayBuffer, and so threads. Without it pages work too, on one thread. */
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

/** The policy in the built pages, for hosts that let no one set headers. The development server injects what it forbids. */
const contentSecurityPolicy = (policy: string): Plugin => ({
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: policy }, injectTo: "head-prepend" },
  ],
});

/**
 * What the Vite configs of pages share: packages from their sources, the repository's checkpoint, isolation, and a content
 * security policy, in which `more` replaces directives.
 */
export function offlinePage(more: Readonly<Record<string, string>> = {}): UserConfig {
  const policy = Object.entries({ ...directives, ...more })
    .map((directive) => directive.join(" "))
    .join("; ");
  return {
    resolve: { conditions: ["source", ...defaultClientConditions] },
    plugins: [checkpoint(), contentSecurityPolicy(policy)],
    worker: { format: "es" },
    build: { target: "es2022" },
    server: { headers: isolation },
    preview: { headers: { ...isolation, "Content-Security-Policy": `${policy}; frame-ancestors 'none'` } },
  };
}
