import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { config, observable } from "@observablehq/notebook-kit/vite";
import { defaultClientConditions, defineConfig, normalizePath, type Alias, type Plugin } from "vite";

const folder = normalizePath(fileURLToPath(new URL(".", import.meta.url)));
const repository = posix.join(folder, "..");
const shipped = "checkpoints/townscapes-sd";
const pages = readdirSync(folder).filter((name) => name.endsWith(".html") && name !== "template.html");
const titleOf = (page: string) => /<title>(.*)<\/title>/.exec(readFileSync(join(folder, page), "utf8"))![1];

/** Everything comes from the page's own server. Plotly writes styles into the page. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "img-src 'self' blob: data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Isolation gives SharedArrayBuffer, and so threads. Without it cells run too, on one thread. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Links to the notebooks before and after, in the order of their numbers. */
function neighbours(template: string, { path }: { path: string }): string {
  const at = pages.indexOf(path.replace(/^\//, "") || "index.html");
  const link = (page: string | undefined, rel: string) =>
    page && page !== "index.html" ? `<a rel="${rel}" href="./${page}">${titleOf(page)}</a>` : "<span></span>";
  const links = `${link(pages[at - 1], "prev")}<a href="./index.html">All notebooks</a>${link(pages[at + 1], "next")}`;
  return template.replaceAll("<nav></nav>", path.endsWith("index.html") ? "" : `<nav>${links}</nav>`);
}

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
      const from = join(repository, shipped);
      for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        const fileName = posix.join(shipped, normalizePath(path.slice(from.length)));
        this.emitFile({ type: "asset", fileName, source: readFileSync(path) });
      }
    },
  };
}

/** The policy in the built pages, for hosts that let no one set headers. The development server injects what it forbids. */
const contentSecurityPolicy = (): Plugin => ({
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: policy }, injectTo: "head-prepend" },
  ],
});

const { resolve, base, appType } = config();
/** `observable:` alone: what comes from a content delivery network (`npm:`, `jsr:`) cannot be imported. */
const alias = (resolve!.alias as Alias[]).filter(({ find }) => String(find).includes("observable"));

export default defineConfig({
  root: folder,
  base,
  appType,
  resolve: { alias, conditions: ["source", ...defaultClientConditions] },
  plugins: [
    observable({ template: join(folder, "template.html"), transformTemplate: neighbours }),
    checkpoint(),
    contentSecurityPolicy(),
  ],
  optimizeDeps: { entries: pages, exclude: ["@observablehq/notebook-kit"], include: ["danfojs", "plotly.js-dist-min"] },
  worker: { format: "es" },
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 8000,
    rolldownOptions: { input: pages.map((page) => join(folder, page)) },
  },
  server: { headers: isolation },
  preview: { headers: { ...isolation, "Content-Security-Policy": `${policy}; frame-ancestors 'none'` } },
});
