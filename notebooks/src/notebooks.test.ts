import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launchBrowser, type FoundBrowser } from "@tessera/testing";
import { build, preview, type PreviewServer } from "vite";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

const folder = fileURLToPath(new URL("..", import.meta.url));
const configFile = join(folder, "vite.config.ts");
const pages = (await readdir(folder)).filter((name) => name.endsWith(".html") && name !== "template.html").sort();
const notebooks = pages.filter((name) => name !== "index.html");

describe("the notebooks, as text", () => {
  test("are numbered without a gap, and the first page links to each", async () => {
    expect(notebooks.map((name) => Number(name.slice(0, 2)))).toEqual(notebooks.map((_, i) => i + 1));
    const index = await readFile(join(folder, "index.html"), "utf8");
    expect(notebooks.filter((name) => !index.includes(`(./${name})`))).toEqual([]);
  });

  test.for(pages)("%s imports only what its package declares", async (page) => {
    const source = await readFile(join(folder, page), "utf8");
    const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const declared = [manifest.name, ...Object.keys(manifest.dependencies)];
    const imported = [...source.matchAll(/^ +(?:import|} from)\b.*?"([^"]+)";$/gm)].map(([, from]) => from);
    expect(imported.filter((from) => !declared.some((name) => from === name || from.startsWith(`${name}/`)))).toEqual(
      [],
    );
  });
});

describe("the notebooks, built and served, in Chromium", () => {
  let found: FoundBrowser;
  let out: string;
  let server: PreviewServer;
  let url: string;

  beforeAll(async () => {
    found = await launchBrowser();
    if (!found.browser) return;
    out = await mkdtemp(join(tmpdir(), "tessera-notebooks-"));
    vi.stubEnv("NODE_ENV", "production");
    await build({ configFile, logLevel: "warn", build: { outDir: out, emptyOutDir: true } });
    vi.unstubAllEnvs();
    server = await preview({
      configFile,
      logLevel: "warn",
      build: { outDir: out },
      preview: { host: "127.0.0.1", port: 0 },
    });
    url = `http://127.0.0.1:${(server.httpServer.address() as AddressInfo).port}/`;
  });

  afterAll(async () => {
    await found?.browser?.close();
    await server?.close();
    if (out) await rm(out, { recursive: true });
  });

  test.for(pages)("%s runs to its end without an error, offline", async (name, { skip }) => {
    if (!found.browser) return skip(found.reason);
    const context = await found.browser.newContext({ viewport: { width: 1100, height: 900 } });
    context.setDefaultTimeout(240_000); // against pages that hang, as the tests' own
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
    context.on("request", (request) => {
      if (!request.url().startsWith(url) && !/^(blob|data):/.test(request.url()))
        complaints.push(`request: ${request.url()}`);
    });
    context.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
    await page.goto(url + name);
    await page.locator("main[data-cells=done]").waitFor();

    expect(complaints).toEqual([]);
    expect(await page.locator(".observablehq--error").allTextContents()).toEqual([]);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    if (name !== "index.html") {
      expect(await page.locator(".chart .main-svg").count()).toBeGreaterThan(0);
      expect(await page.locator(".finding").count()).toBeGreaterThan(0);
    }
    await context.close();
  });
});
