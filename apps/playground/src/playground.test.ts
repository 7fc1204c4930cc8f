import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { fixture, fixtureJson, launchBrowser, type FoundBrowser } from "@tessera/testing";
import type { BrowserContextOptions, Page } from "playwright-core";
import { build, preview, type PreviewServer } from "vite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

const configFile = fileURLToPath(new URL("../vite.config.ts", import.meta.url));
const expected = fixtureJson<{ prompts: string[]; seeds: number[]; steps: number; guidance_scale: number }>(
  "townscapes/expected.json",
);
const minutes = 60_000;
vi.setConfig({ testTimeout: 3 * minutes, hookTimeout: 2 * minutes });

let found: FoundBrowser;
let folder: string;
const servers: PreviewServer[] = [];

/** The built page, as a host would serve it: with isolating headers, or without. */
async function serve(isolated = true): Promise<string> {
  const off = { "Cross-Origin-Opener-Policy": "unsafe-none", "Cross-Origin-Embedder-Policy": "unsafe-none" };
  const server = await preview({
    configFile,
    logLevel: "warn",
    build: { outDir: folder },
    preview: { host: "127.0.0.1", port: 0, ...(!isolated && { headers: off }) },
  });
  servers.push(server);
  return `http://127.0.0.1:${(server.httpServer.address() as AddressInfo).port}/`;
}

let url: string;

beforeAll(async () => {
  found = await launchBrowser();
  if (!found.browser) return;
  folder = await mkdtemp(join(tmpdir(), "tessera-playground-"));
  vi.stubEnv("NODE_ENV", "production");
  await build({ configFile, logLevel: "warn", build: { outDir: folder, emptyOutDir: true } });
  vi.unstubAllEnvs();
  url = await serve();
});

beforeEach(({ skip }) => {
  if (!found.browser) skip(found.reason);
});

afterEach(async () => {
  await Promise.all(found.browser?.contexts().map((context) => context.close()) ?? []);
});

afterAll(async () => {
  await found?.browser?.close();
  await Promise.all(servers.map((server) => server.close()));
  if (folder) await rm(folder, { recursive: true });
});

/** Opens the page and writes down every error, warning and request that leaves the page's own server. */
async function open(
  address: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; complaints: string[] }> {
  const context = await found.browser!.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  context.on("request", (request) => {
    if (!request.url().startsWith(new URL(address).origin) && !request.url().startsWith("blob:"))
      complaints.push(`request: ${request.url()}`);
  });
  await page.goto(address);
  return { page, complaints };
}

const idle = (page: Page, timeout = minutes) => page.locator("section[aria-busy=false]").waitFor({ timeout });
const status = (page: Page) => page.locator(".progress p").first();
const field = (page: Page, label: string) => page.getByLabel(label, { exact: true });

/** Fills the form with the reference's settings for picture `row`, and paints it. */
async function paint(page: Page, row: number, timeout = minutes): Promise<void> {
  await field(page, "Prompt").fill(expected.prompts[row]);
  await field(page, "Seed").fill(String(expected.seeds[row]));
  await field(page, "Steps").fill(String(expected.steps));
  await field(page, "Guidance").fill(String(expected.guidance_scale));
  await page.getByRole("button", { name: "Generate" }).click();
  await page.locator("section[aria-busy=true]").waitFor({ timeout: 5000 });
  await idle(page, timeout);
}

/** Peak signal-to-noise ratio, in dB, between the picture on the page and picture `row` of diffusers. */
async function psnr(page: Page, row: number): Promise<number> {
  const rgba = await page.getByAltText(expected.prompts[row]).evaluate(async (image: HTMLImageElement) => {
    await image.decode();
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const context = canvas.getContext("2d")!;
    context.drawImage(image, 0, 0);
    return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
  });
  const rgb = rgba.filter((_, i) => i % 4 < 3);
  const all = await fixture("townscapes/expected.safetensors").numbers("image_u8");
  const reference = all.subarray(row * rgb.length, (row + 1) * rgb.length);
  expect(rgb).toHaveLength(all.length / expected.prompts.length);
  const squares = rgb.reduce((sum, value, i) => sum + (value - reference[i]) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / rgb.length));
}

async function axe(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" ")}`);
}

describe("the playground, built and served, in Chromium", () => {
  test("a prompt becomes the picture that diffusers makes, on WASM threads, and nothing leaves the server", async () => {
    const { page, complaints } = await open(url);
    await page.evaluate(() => {
      const seen = { texts: new Set<string>(), previews: 0 };
      Object.assign(globalThis, { seen });
      new MutationObserver(() => {
        seen.texts.add(document.querySelector(".progress p")!.textContent);
        if (document.querySelector("canvas")) seen.previews++;
      }).observe(document, { subtree: true, childList: true, characterData: true });
    });
    await idle(page);
    await page.getByLabel("Runs on").selectOption("wasm");
    await idle(page);
    await paint(page, 0);
    expect(await psnr(page, 0)).toBeGreaterThan(40);

    const { texts, previews } = await page.evaluate(() => {
      const { seen } = globalThis as unknown as { seen: { texts: Set<string>; previews: number } };
      return { texts: [...seen.texts], previews: seen.previews };
    });
    expect(
      texts.filter((text) => /^Loading unet weights: [\d.]+ (kB|MB) of [\d.]+ MB$/.test(text)).length,
    ).toBeGreaterThan(1);
    expect(texts.filter((text) => /^Step \d+ of 20, .+ per step$/.test(text)).length).toBeGreaterThan(5);
    expect(previews).toBeGreaterThan(0);
    expect(await status(page).textContent()).toMatch(/^Done in [\d.]+ m?s$/);
    expect(await page.locator(".timings").innerText()).toMatch(/Load[^]+Text[^]+UNet × 20[^]+each[^]+Decode/);
    expect(await page.locator("footer").innerText()).toMatch(/WebAssembly (relaxed )?SIMD, \d+ threads?: wasm was asked for\./);
    expect(await page.locator(".memory").innerText()).toMatch(/^[1-9][\d.]* MB in use$/);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(new URLSearchParams(new URL(page.url()).hash.slice(1)).get("seed") ?? "101").toBe("101");
    expect(complaints).toEqual([]);
  });

  test("without cross-origin isolation it works on one thread", async () => {
    const { page, complaints } = await open(await serve(false));
    await idle(page);
    await page.getByLabel("Runs on").selectOption("wasm");
    await idle(page);
    await paint(page, 1);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect(await page.locator("footer").innerText()).toContain("not cross-origin isolated");
    expect(await psnr(page, 1)).toBeGreaterThan(40);
    expect(complaints).toEqual([]);
  });

  test("a prompt becomes the picture that diffusers makes, on WebGPU", { timeout: 18 * minutes }, async () => {
    const { page, complaints } = await open(url);
    await page.getByLabel("Runs on").selectOption("webgpu");
    await idle(page, 8 * minutes);
    await paint(page, 2, 8 * minutes);
    expect(await page.locator("footer").innerText()).toMatch(/WebGPU on .+: webgpu was asked for\./);
    expect(await psnr(page, 2)).toBeGreaterThan(40);
    expect(complaints).toEqual([]);
  });

  test("Esc cancels while loading and while sampling, and the next picture comes all the same", async () => {
    const { page, complaints } = await open(url);
    await status(page).filter({ hasText: "Loading unet" }).waitFor();
    await page.keyboard.press("Escape");
    await idle(page);
    expect(await status(page).textContent()).toBe("Cancelled");
    await field(page, "Steps").fill("500");
    await page.getByRole("button", { name: "Generate" }).click();
    await status(page)
      .filter({ hasText: /^Step [1-9]/ })
      .waitFor({ timeout: minutes });
    await page.keyboard.press("Escape");
    await idle(page, 10_000);
    expect(await status(page).textContent()).toBe("Cancelled");
    expect(await page.locator(".frame img").count()).toBe(0);
    await paint(page, 0);
    expect(await psnr(page, 0)).toBeGreaterThan(40);
    expect(complaints).toEqual([]);
  });

  test("the keyboard suffices, from the prompt to the file", async () => {
    const { page, complaints } = await open(`${url}#steps=2&seed=7`);
    await idle(page);
    const reach = async (name: RegExp) => {
      for (let tabs = 0; tabs < 40; tabs++) {
        await page.keyboard.press("Tab");
        const focus = await page.evaluate(() => {
          const element = document.activeElement as HTMLInputElement;
          return element.labels?.[0]?.textContent ?? element.textContent;
        });
        if (name.test(focus)) return;
      }
      throw new Error(`Tab never reached ${name}.`);
    };
    await reach(/^Prompt/);
    await page.keyboard.press("Control+A");
    await page.keyboard.type("a white church on snow");
    await page.keyboard.press("Control+Enter");
    await page.getByAltText("a white church on snow").waitFor({ timeout: minutes });
    await idle(page);
    await reach(/^Download PNG/);
    const download = page.waitForEvent("download");
    await page.keyboard.press("Enter");
    const file = await download;
    expect(file.suggestedFilename()).toBe("tessera-townscapes-sd-7.png");
    expect([...(await readFile(await file.path())).subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
    expect(complaints).toEqual([]);
  });

  test.for(["light", "dark"] as const)("axe finds nothing serious, %s, wide and narrow", async (colorScheme) => {
    const { page } = await open(`${url}#steps=2`, { colorScheme });
    await idle(page);
    expect(await axe(page)).toEqual([]);
    await page.getByRole("button", { name: "Generate" }).click();
    await page.locator(".frame img").waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await axe(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });

  test("an address and a prompt are text, never markup", async () => {
    const markup = `<img src=x onerror="document.title='pwned'">`;
    const { page, complaints } = await open(`${url}#${new URLSearchParams({ p: markup, steps: "1" })}`);
    await idle(page);
    await page.getByRole("button", { name: "Generate" }).click();
    await page.getByAltText(markup).waitFor();
    expect(await page.locator("img").count()).toBe(1);
    expect(await page.title()).toBe("Tessera playground");
    expect(complaints).toEqual([]);
  });

  test("a failed download is told in a sentence, and trying again helps", async () => {
    const context = await found.browser!.newContext();
    const page = await context.newPage();
    await context.route("**/vae/*.safetensors", (route) => route.abort());
    await page.goto(`${url}#steps=1`);
    await page.getByRole("alert").waitFor({ timeout: minutes });
    expect(await page.getByRole("alert").innerText()).toMatch(/vae\/.+: the request failed\. Check the connection/);
    await context.unroute("**/vae/*.safetensors");
    await page.getByRole("button", { name: "Generate" }).click();
    await page.locator(".frame img").waitFor({ timeout: minutes });
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  test("diagnostics are copied as JSON", async () => {
    const { page } = await open(url, { permissions: ["clipboard-read", "clipboard-write"] });
    await idle(page);
    await page.getByRole("button", { name: "Copy diagnostics" }).click();
    await page.getByText("Copied.").waitFor();
    const report = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
    expect(report).toMatchObject({
      page: { crossOriginIsolated: true },
      browser: { userAgent: expect.stringContaining("Chrome") },
      backend: { asked: "auto", backend: expect.stringMatching(/^(wasm|webgpu)$/), reason: expect.any(String) },
      liveBytes: expect.any(Number),
    });
  });
});
