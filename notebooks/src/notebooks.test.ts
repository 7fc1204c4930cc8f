import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtSite, complaintsOf, launchBrowser, type BuiltSite, type FoundBrowser } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

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
  let site: BuiltSite | undefined;
  let url: string;

  beforeAll(async () => {
    found = await launchBrowser();
    if (!found.browser) return;
    site = await builtSite(configFile);
    url = await site.serve();
  });

  afterAll(async () => {
    await found?.browser?.close();
    await site?.close();
  });

  test.for(pages)("%s runs to its end without an error, offline", async (name, { skip }) => {
    if (!found.browser) return skip(found.reason);
    const context = await found.browser.newContext({ viewport: { width: 1100, height: 900 } });
    context.setDefaultTimeout(240_000); // against pages that hang, as the tests' own
    const complaints = complaintsOf(context, url);
    const page = await context.newPage();
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
