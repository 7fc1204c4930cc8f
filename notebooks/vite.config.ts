import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { config, observable } from "@observablehq/notebook-kit/vite";
import { defineConfig, mergeConfig, normalizePath, type Alias } from "vite";
import { offlinePage } from "../scripts/offlinePage.ts";

const folder = normalizePath(fileURLToPath(new URL(".", import.meta.url)));
const pages = readdirSync(folder).filter((name) => name.endsWith(".html") && name !== "template.html");
const titleOf = (page: string) => /<title>(.*)<\/title>/.exec(readFileSync(join(folder, page), "utf8"))![1];

/** Plotly writes styles into the page. */
const page = offlinePage({
  "style-src": "'self' 'unsafe-inline'",
  "font-src": "'self' data:",
  "img-src": "'self' blob: data:",
});

/** Links to the notebooks before and after, in the order of their numbers. */
function neighbours(template: string, { path }: { path: string }): string {
  const at = pages.indexOf(path.replace(/^\//, "") || "index.html");
  const link = (page: string | undefined, rel: string) =>
    page && page !== "index.html" ? `<a rel="${rel}" href="./${page}">${titleOf(page)}</a>` : "<span></span>";
  const links = `${link(pages[at - 1], "prev")}<a href="./index.html">All notebooks</a>${link(pages[at + 1], "next")}`;
  return template.replaceAll("<nav></nav>", path.endsWith("index.html") ? "" : `<nav>${links}</nav>`);
}

const { resolve, base, appType } = config();
/** `observable:` alone: what comes from a content delivery network (`npm:`, `jsr:`) cannot be imported. */
const alias = (resolve!.alias as Alias[]).filter(({ find }) => String(find).includes("observable"));

export default defineConfig(
  mergeConfig(page, {
    root: folder,
    base,
    appType,
    resolve: { alias },
    plugins: [observable({ template: join(folder, "template.html"), transformTemplate: neighbours })],
    optimizeDeps: {
      entries: pages,
      exclude: ["@observablehq/notebook-kit"],
      include: ["danfojs", "plotly.js-dist-min"],
    },
    build: {
      chunkSizeWarningLimit: 8000,
      rolldownOptions: { input: pages.map((name) => join(folder, name)) },
    },
  }),
);
