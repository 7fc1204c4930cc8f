import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import { parseResult, type Result } from "@tessera/bench";
import {
  builtSite,
  complaintsOf,
  fixture,
  fixtureJson,
  launchBrowser,
  type BuiltSite,
  type FoundBrowser,
} from "@tessera/testing";
import type { BrowserContextOptions, Page, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

const configFile = fileURLToPath(new URL("../vite.config.ts", import.meta.url));
const expected = fixtureJson<{ prompts: string[]; seeds: number[]; steps: number; guidance_scale: number }>(
  "townscapes/expected.json",
);
const minutes = 60_000;

let found: FoundBrowser;
let site: BuiltSite | undefined;
let url: string;

beforeAll(async () => {
  found = await launchBrowser();
  if (!found.browser) return;
  site = await builtSite(configFile);
  url = await site.serve();
});

beforeEach(({ skip }) => {
  if (!found.browser) skip(found.reason);
});

afterEach(async () => {
  await Promise.all(found.browser?.contexts().map((context) => context.close()) ?? []);
});

afterAll(async () => {
  await found?.browser?.close();
  await site?.close();
});

/** How long a page may take for one thing; a loaded machine takes long for all. */
const patience = 4 * minutes;
/** Holds soon, if not at once: frames may be drawn late. */
const soon = { timeout: patience, interval: 200 };

/** Opens the page and writes down every error, warning and request that leaves the page's own server. */
async function open(
  address: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; complaints: string[] }> {
  const context = await found.browser!.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(patience);
  const complaints = complaintsOf(context, new URL("/", address).href);
  const page = await context.newPage();
  await page.goto(address);
  return { page, complaints };
}

/** Until nothing runs. The page is busy from the very event that begins something; only edits begin a moment after a stroke. */
const idle = (page: Page, timeout = patience) => page.locator("section[aria-busy=false]").waitFor({ timeout });
const status = (page: Page) => page.locator(".progress p").first();
const field = (page: Page, label: string) => page.getByLabel(label, { exact: true });

/** Fills the form with the reference's settings for picture `row`, and paints it. */
async function paint(page: Page, row: number, timeout = patience): Promise<void> {
  await field(page, "Prompt").fill(expected.prompts[row]);
  await field(page, "Seed").fill(String(expected.seeds[row]));
  await field(page, "Steps").fill(String(expected.steps));
  await field(page, "Guidance").fill(String(expected.guidance_scale));
  await page.getByRole("button", { name: "Generate" }).click();
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

/** From now on: what the progress said, and how often a preview changed. */
async function observe(page: Page): Promise<() => Promise<{ texts: string[]; previews: number }>> {
  const seen = await page.evaluateHandle(() => {
    const seen = { texts: new Set<string>(), previews: 0 };
    new MutationObserver(() => {
      seen.texts.add(document.querySelector(".progress p")!.textContent);
      if (document.querySelector("canvas")) seen.previews++;
    }).observe(document, { subtree: true, childList: true, characterData: true });
    return seen;
  });
  return () => seen.evaluate(({ texts, previews }) => ({ texts: [...texts], previews }));
}

/** On a small screen nothing is lost, and nothing sticks out. */
async function narrow(page: Page): Promise<void> {
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await axe(page)).toEqual([]);
  const width = () => page.evaluate(() => document.documentElement.scrollWidth);
  await expect.poll(width, soon).toBeLessThanOrEqual(360);
}

describe("the playground, built and served, in Chromium", () => {
  test("a prompt becomes the picture that diffusers makes, on WASM threads, and nothing leaves the server", async () => {
    const { page, complaints } = await open(url);
    const seen = await observe(page);
    await idle(page);
    await page.getByLabel("Runs on").selectOption("wasm");
    await idle(page);
    await paint(page, 0);
    expect(await psnr(page, 0)).toBeGreaterThan(40);

    const { texts, previews } = await seen();
    expect(
      texts.filter((text) => /^Loading unet weights: [\d.]+ (kB|MB) of [\d.]+ MB$/.test(text)).length,
    ).toBeGreaterThan(1);
    expect(texts.filter((text) => /^Step \d+ of 20, .+ per step$/.test(text)).length).toBeGreaterThan(5);
    expect(previews).toBeGreaterThan(0);
    expect(await status(page).textContent()).toMatch(/^Done in [\d.]+ m?s$/);
    expect(await page.locator(".timings").innerText()).toMatch(/Load[^]+Text[^]+UNet × 20[^]+each[^]+Decode/);
    expect(await page.locator("footer").innerText()).toMatch(
      /WebAssembly (relaxed )?SIMD, \d+ threads?: wasm was asked for\./,
    );
    expect(await page.locator(".memory").innerText()).toMatch(/^[1-9][\d.]* MB in use$/);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(new URLSearchParams(new URL(page.url()).hash.slice(1)).get("seed") ?? "101").toBe("101");
    expect(complaints).toEqual([]);
  });

  test("without cross-origin isolation it works on one thread", async () => {
    const off = { "Cross-Origin-Opener-Policy": "unsafe-none", "Cross-Origin-Embedder-Policy": "unsafe-none" };
    const { page, complaints } = await open(await site!.serve(off));
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
    await page.getByRole("link", { name: "Bench" }).click();
    const { machine, limits, cases } = await measured(page, "layer norm");
    expect(machine.backend).toMatch(/^WebGPU on /);
    expect(limits.threads).toBeUndefined();
    expect(cases[0].engines[0].gigabytesPerSecond).toBeGreaterThan(0);
    expect(complaints).toEqual([]);
  });

  test("Esc cancels while loading and while sampling, and the next picture comes all the same", async () => {
    const { page, complaints } = await open(url);
    const [unet, context] = ["**/unet/*.safetensors", page.context()];
    let asked = 0;
    await context.route(unet, (route) => (++asked < 10 ? route.continue() : undefined)); // the rest does not come
    await page.reload();
    await status(page).filter({ hasText: "Loading unet weights" }).waitFor();
    await page.keyboard.press("Escape");
    await idle(page);
    expect(await status(page).textContent()).toBe("Cancelled");
    await context.unroute(unet);
    await field(page, "Steps").fill("500");
    await page.getByRole("button", { name: "Generate" }).click();
    await status(page).filter({ hasText: /^Step [1-9]/ }).waitFor(); // prettier-ignore
    await page.keyboard.press("Escape");
    await idle(page);
    expect(await status(page).textContent()).toBe("Cancelled");
    expect(await page.locator(".frame img").count()).toBe(0);
    await paint(page, 0);
    expect(await psnr(page, 0)).toBeGreaterThan(40);
    expect(complaints).toEqual([]);
  });

  test("what is asked for while the model loads is done when it is there, unless that is cancelled", async () => {
    const { page, complaints } = await open(`${url}#steps=1`);
    const context = page.context();
    const generate = page.getByRole("button", { name: "Generate" });
    for (const cancelled of [true, false]) {
      let held: Route[] | undefined = [];
      await context.route("**/unet/*.safetensors", (route) => (held ? void held.push(route) : route.continue()));
      await page.reload();
      await field(page, "Prompt").fill("a white church on snow");
      await page.keyboard.press("Enter");
      expect(await generate.getAttribute("aria-disabled")).toBe("true");
      await expect.poll(() => held!.length, soon).toBeGreaterThan(0);
      if (cancelled) await page.keyboard.press("Escape");
      const routes = held;
      held = undefined;
      await Promise.all(routes.map((route) => route.continue()));
      if (cancelled) {
        await idle(page);
        expect(await status(page).textContent()).toBe("Cancelled");
      } else await page.getByAltText("a white church on snow").waitFor();
      await context.unroute("**/unet/*.safetensors");
    }
    await page.keyboard.press("Shift+Enter");
    expect(await field(page, "Prompt").inputValue()).toBe("a white church on snow\n");
    expect(complaints).toEqual([]);
  });

  test("the form follows the address, and the address the form", async () => {
    const { page, complaints } = await open(`${url}#seed=3&steps=oops`);
    expect(await field(page, "Steps").inputValue()).toBe("20");
    await page.evaluate(() => void (location.hash = "#seed=9&p=pasted"));
    await expect.poll(() => field(page, "Prompt").inputValue(), soon).toBe("pasted");
    await field(page, "Prompt").fill("typed");
    await page.getByRole("link", { name: "Bench" }).click();
    await page.getByLabel("Which operators").waitFor();
    expect(await page.title()).toBe("Bench · Tessera playground");
    await page.goBack();
    await page.reload();
    expect(await field(page, "Prompt").inputValue()).toBe("typed");
    expect(await field(page, "Seed").inputValue()).toBe("9");
    expect(complaints).toEqual([]);
  });

  test("a file that is dropped in any room is opened in the edit room; text is left alone", async () => {
    const { page, complaints } = await open(`${url}#steps=1`);
    const drop = (type: string, content: string) =>
      page.evaluate(
        ([type, content]) => {
          const dataTransfer = new DataTransfer();
          if (type) dataTransfer.items.add(new File([content], "notes.txt", { type }));
          else dataTransfer.setData("text/plain", content);
          const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
          return document.querySelector("textarea")!.dispatchEvent(event);
        },
        [type, content],
      );
    expect(await drop("", "words")).toBe(true);
    expect(await page.getByRole("heading", { name: "Change a corner" }).count()).toBe(0);
    expect(await drop("text/plain", "words")).toBe(false);
    await page.getByText("notes.txt is no picture that this browser can read.").waitFor();
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
    await page.getByAltText("a white church on snow").waitFor();
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
    await narrow(page);
  });

  test("tuning is cancelled, done, remembered and left, and the picture stays what it is", async () => {
    const { page, complaints } = await open(url);
    const box = page.getByRole("checkbox", { name: "Tuned" });
    const timing = status(page).filter({ hasText: /^Timing kernels/ });
    await idle(page);
    await page.getByLabel("Runs on").selectOption("wasm");
    await idle(page);
    expect(await box.isChecked()).toBe(false);
    await box.click();
    await timing.waitFor();
    await page.keyboard.press("Escape");
    await idle(page);
    expect(await status(page).textContent()).toBe("Cancelled");
    expect(await box.isChecked()).toBe(false);
    await paint(page, 0); // opens the device, untuned
    await box.click();
    await timing.waitFor();
    await idle(page);
    expect(await box.isChecked()).toBe(true);
    await paint(page, 0);
    expect(await psnr(page, 0)).toBeGreaterThan(40);

    await page.reload();
    await page.getByLabel("Runs on").selectOption("wasm");
    const seen = await observe(page);
    await idle(page);
    expect(await box.isChecked()).toBe(true);
    const { texts } = await seen();
    expect(texts.filter((text) => text.startsWith("Loading"))).not.toEqual([]);
    expect(texts.filter((text) => text.startsWith("Timing"))).toEqual([]);
    await box.click();
    await idle(page);
    expect(await box.isChecked()).toBe(false);
    expect(complaints).toEqual([]);
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
    const { page } = await open(`${url}#steps=1`);
    const context = page.context();
    await context.route("**/vae/*.safetensors", (route) => route.abort());
    await page.reload();
    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("alert").innerText()).toMatch(/vae\/.+: the request failed\. Check the connection/);
    await context.unroute("**/vae/*.safetensors");
    await page.getByRole("button", { name: "Generate" }).click();
    await page.locator(".frame img").waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  test("diagnostics are copied as JSON", async () => {
    const { page } = await open(url, { permissions: ["clipboard-read", "clipboard-write"] });
    await idle(page);
    const copied = page.getByText("Copied.").waitFor(); // from now on, since it does not stay
    await page.getByRole("button", { name: "Copy diagnostics" }).click();
    await copied;
    const report = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
    expect(report).toMatchObject({
      page: { crossOriginIsolated: true },
      browser: { userAgent: expect.stringContaining("Chrome") },
      backend: { asked: "auto", backend: expect.stringMatching(/^(wasm|webgpu)$/), reason: expect.any(String) },
      liveBytes: expect.any(Number),
    });
  });
});

/** The edit room with its sample open, run by WASM. */
async function openSample(options: BrowserContextOptions = {}) {
  const opened = await open(`${url}#edit`, options);
  const { page } = opened;
  await page.getByLabel("Runs on").selectOption("wasm");
  await page.getByRole("button", { name: "Open the sample" }).click();
  await surface(page).waitFor();
  await idle(page);
  return opened;
}

const surface = (page: Page, name = "Drawing") => page.getByRole("application", { name });
/** Until a stroke's result is there. */
const computed = (page: Page) => status(page).filter({ hasText: "by blocks" }).waitFor();

/** Where a pixel of the sample lies on the page while all of it is seen. */
async function placed(page: Page): Promise<(x: number, y: number) => [number, number]> {
  const box = (await surface(page).boundingBox())!;
  const scale = Math.floor((Math.min(box.width, box.height) - 24) / 64);
  return (x, y) => [box.x + box.width / 2 + (x - 32) * scale, box.y + box.height / 2 + (y - 32) * scale];
}

async function stroke(page: Page, ...points: [number, number][]): Promise<void> {
  const at = await placed(page);
  await page.mouse.move(...at(...points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(...point), { steps: 5 });
  await page.mouse.up();
}

/** RGBA of the picture that the page saves. */
async function saved(page: Page): Promise<number[]> {
  const download = page.waitForEvent("download");
  await page.keyboard.press("Control+s");
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/^tessera-edit-7-\d+\.png$/);
  const bytes = [...(await readFile(await file.path()))];
  return page.evaluate(async (png) => {
    const image = await createImageBitmap(new Blob([Uint8Array.from(png)]));
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d")!;
    context.drawImage(image, 0, 0);
    return [...context.getImageData(0, 0, image.width, image.height).data];
  }, bytes);
}

/** What is to be seen on a pane, once two frames agree: a canvas is empty for a frame when its size changes. */
const look = (page: Page, name: string) =>
  surface(page, name).evaluate(async (canvas: HTMLCanvasElement) => {
    const frame = () => new Promise(requestAnimationFrame);
    await frame();
    for (let before = ""; ;) {
      await frame();
      const now = canvas.toDataURL();
      if (now === before) return now;
      before = now;
    }
  });

describe("the edit room", () => {
  test("a stroke changes only active tiles, its cost is told, and undo brings back what was", async () => {
    const { page, complaints } = await openSample();
    const original = await saved(page);
    const untouched = await look(page, "Drawing");
    await stroke(page, [50, 38], [53, 46], [48, 46], [50, 40]);
    await computed(page);
    const result = await saved(page);
    const changed = result.flatMap((value, i) => (value === original[i] ? [] : [i >> 2]));
    expect(changed.length).toBeGreaterThan(100);
    const row = page.getByRole("row", { name: "VAE decoder, 64 × 64" });
    const [active, all] = (await row.innerText())
      .match(/(\d+) of (\d+)/)!
      .slice(1)
      .map(Number);
    const tiles = new Set(changed.map((i) => `${(i % 64) >> 2} ${Math.floor(i / 64) >> 2}`));
    expect(tiles.size).toBeLessThanOrEqual(active);
    expect(active).toBeLessThan(all / 3);

    const report = page.getByRole("region", { name: "Cost" });
    expect(await report.innerText()).toMatch(/[\d.]+× fewer multiply-adds/);
    expect(await report.innerText()).toMatch(/Time, measured\s+[\d.]+ m?s\s+not computed/);
    const veiled = await look(page, "Result");
    await page.keyboard.press("s");
    await expect.poll(() => look(page, "Result"), soon).not.toBe(veiled);

    await page.mouse.move(0, 0);
    await page.keyboard.press("Control+z");
    await expect.poll(() => look(page, "Drawing"), soon).toBe(untouched);
    await expect.poll(() => saved(page), soon).toEqual(original);
    await page.keyboard.press("Control+Shift+z");
    await expect.poll(() => saved(page), soon).toEqual(result);
    await page.keyboard.press("a");
    await page.getByText("What you change is redone here").first().waitFor(); // said to screen readers as well
    await expect.poll(() => saved(page), soon).toEqual(result);
    expect(complaints).toEqual([]);
  });

  test("painting goes on while the model computes; the latest stroke wins; Esc cancels", async () => {
    const { page, complaints } = await openSample();
    await field(page, "Steps").fill("200");
    await stroke(page, [10, 50], [20, 54]);
    await status(page)
      .filter({ hasText: /step [1-9]/ })
      .waitFor(); // of the picture as it is: most is yet to come
    const before = await look(page, "Drawing");
    await stroke(page, [50, 50], [40, 54]);
    expect(await page.locator("section.result").getAttribute("aria-busy")).toBe("true");
    await expect.poll(() => look(page, "Drawing"), soon).not.toBe(before);
    await page.keyboard.press("Escape");
    await idle(page);
    expect(await page.getByRole("button", { name: "Accept" }).getAttribute("aria-disabled")).toBe("true");
    await field(page, "Steps").fill("10");
    await computed(page);
    const original = await saved(page);
    await surface(page).focus();
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    const plain = await saved(page);
    const redone = (left: number) => original.some((value, i) => ((i >> 2) % 64) >> 5 === left && value !== plain[i]);
    expect([redone(0), redone(1)]).toEqual([true, true]);
    expect(complaints).toEqual([]);
  });

  test("by blocks and as a whole, side by side and subtracted", async () => {
    const { page, complaints } = await openSample();
    await stroke(page, [50, 40], [52, 46]);
    await computed(page);
    const blocks = await look(page, "Result");
    await page.getByRole("button", { name: "Whole" }).click();
    const report = page.getByRole("region", { name: "Cost" });
    const inside = report.getByRole("cell", { name: /^[\d.]+ dB$/ });
    await inside.waitFor();
    expect(Number.parseFloat(await inside.innerText())).toBeGreaterThan(30);
    expect(await report.innerText()).toMatch(/× less time/);
    await idle(page);
    await expect.poll(() => look(page, "Result"), soon).not.toBe(blocks);
    await page.getByRole("button", { name: "Difference" }).click();
    await page.getByText("Black: equal").waitFor();
    expect(complaints).toEqual([]);
  });

  test("keys alone paint, fill, pick and erase", async () => {
    const { page, complaints } = await openSample();
    await page.getByLabel("Recompute after each stroke").uncheck();
    await surface(page).focus();
    const colour = () => page.getByLabel("Colour", { exact: true }).inputValue();
    for (let i = 0; i < 3; i++) await page.keyboard.press("Shift+ArrowDown");
    await page.keyboard.press("Enter");
    await page.keyboard.press("i");
    await page.keyboard.press("Enter");
    expect(await colour()).toBe("#1e5a32");
    const painted = await look(page, "Drawing");
    await page.keyboard.press("e");
    await page.keyboard.press("Enter");
    await page.keyboard.press("i");
    await page.keyboard.press("Enter");
    const below = await colour();
    expect(below).not.toBe("#1e5a32");
    await page.keyboard.press("Control+z");
    await expect.poll(() => look(page, "Drawing"), soon).toBe(painted);
    await page.getByRole("button", { name: "red", exact: true }).click();
    await page.keyboard.press("g");
    await surface(page).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("i");
    await page.keyboard.press("Enter");
    expect(await colour()).toBe("#e4572e");
    await page.keyboard.press("Control+Enter");
    await computed(page);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).getByText("take the bucket").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
    expect(complaints).toEqual([]);
  });

  test("two fingers zoom and leave no paint; one finger paints", async () => {
    const { page } = await openSample({ hasTouch: true });
    await page.getByLabel("Recompute after each stroke").uncheck();
    const at = await placed(page);
    const session = await page.context().newCDPSession(page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...points: [number, number][]) =>
      session.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: points.map(([x, y], id) => ({ x: at(x, y)[0], y: at(x, y)[1], id })),
      });
    const undo = page.getByRole("button", { name: "Undo" });
    const whole = page.getByRole("button", { name: "See all of it" });
    await touch("touchStart", [20, 32]);
    await touch("touchMove", [22, 32]);
    await touch("touchStart", [22, 32], [40, 32]);
    await touch("touchMove", [12, 32], [50, 32]);
    await touch("touchEnd");
    await expect.poll(() => whole.getAttribute("aria-disabled"), soon).toBe("false");
    expect(await undo.getAttribute("aria-disabled")).toBe("true");
    await whole.click();
    await touch("touchStart", [20, 50]);
    await touch("touchMove", [30, 52]);
    await touch("touchEnd");
    await expect.poll(() => undo.getAttribute("aria-disabled"), soon).toBe("false");
  });

  test("a checkpoint that does not come is told before a picture is open, too; unsaved strokes are not lost", async () => {
    const { page } = await open(`${url}#edit`);
    const context = page.context();
    await context.route("**/unet/*.safetensors", (route) => route.abort());
    await page.reload();
    const sample = page.getByRole("button", { name: "Open the sample" });
    await page.getByRole("alert").waitFor();
    await sample.click();
    await page.getByRole("alert").filter({ hasText: "Check the connection" }).waitFor();
    expect(await page.getByText("Paint a green triangle").count()).toBe(0);
    await context.unroute("**/unet/*.safetensors");
    await sample.click();
    await page.getByText("Paint a green triangle").waitFor();

    const mayLeave = () => page.evaluate(() => dispatchEvent(new Event("beforeunload", { cancelable: true })));
    expect(await mayLeave()).toBe(true);
    await page.getByLabel("Recompute after each stroke").uncheck();
    expect(await page.getByRole("slider", { name: "Size" }).inputValue()).toBe("6");
    await stroke(page, [50, 40], [52, 46]);
    await field(page, "Steps").fill("");
    await status(page).filter({ hasText: "steps, guidance or seed is missing" }).waitFor();
    expect(await mayLeave()).toBe(false);
    await page.getByRole("button", { name: "Undo" }).click();
    expect(await mayLeave()).toBe(true);
  });

  test("a picture made in the other room comes with its settings", async () => {
    const { page, complaints } = await open(`${url}#steps=2&seed=7&w=96&p=a+red+house+by+the+water`);
    await idle(page);
    await page.getByLabel("Runs on").selectOption("wasm");
    await idle(page);
    await page.getByRole("button", { name: "Generate" }).click();
    await page.getByAltText("a red house by the water").waitFor();
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    await surface(page).waitFor();
    expect(await field(page, "Prompt").inputValue()).toBe("a red house by the water");
    expect(await field(page, "Seed").inputValue()).toBe("7");
    expect(await saved(page)).toHaveLength(4 * 96 * 64);
    await page.goBack();
    await page.getByAltText("a red house by the water").waitFor();
    expect(await field(page, "Width").inputValue()).toBe("96");
    expect(complaints).toEqual([]);
  });

  test("files are opened at a size that the model paints, and what is no picture is told", async () => {
    const { page, complaints } = await openSample();
    const jpeg = await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(400, 300);
      canvas.getContext("2d")!.fillRect(0, 0, 400, 300);
      return [...new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg" })).arrayBuffer())];
    });
    const file = page.getByLabel("Picture to open");
    await file.setInputFiles({ name: "dusk.jpg", mimeType: "image/jpeg", buffer: Buffer.from(jpeg) });
    await page.getByText(/dusk\.jpg is 400 × 300; this model edits it at 80 × 64/).waitFor();
    await stroke(page, [30, 30], [36, 34]);
    await computed(page);
    await file.setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("words") });
    await page.getByText("notes.txt is no picture that this browser can read.").waitFor();
    await page.keyboard.press("Control+z");
    await page.keyboard.press("Control+z");
    expect(await saved(page)).toHaveLength(4 * 64 * 64);
    expect(complaints).toEqual([]);
  });

  test.for(["light", "dark"] as const)("axe finds nothing serious, %s, wide and narrow", async (colorScheme) => {
    const { page } = await openSample({ colorScheme });
    expect(await axe(page)).toEqual([]);
    await stroke(page, [50, 40], [52, 46]);
    await computed(page);
    await narrow(page);
  });
});

/** What a table's button saves. */
async function result(page: Page, table: string): Promise<Result> {
  const download = page.waitForEvent("download");
  await page.getByRole("region", { name: table }).getByRole("button", { name: "Download JSON" }).click();
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/^tessera-(comparison|ablation)-[\dT-]+\.json$/);
  return parseResult(JSON.parse(await readFile(await file.path(), "utf8")));
}

/** Times the operators whose name contains `filter`, by the keyboard. */
async function measured(page: Page, filter: string): Promise<Extract<Result, { kind: "comparison" }>> {
  await field(page, "Samples").fill("2");
  await field(page, "Which operators").fill(filter);
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: "Operators" }).waitFor();
  await idle(page);
  const found = await result(page, "Operators");
  if (found.kind !== "comparison") expect.fail(found.kind);
  return found;
}

/** The bench room on WASM. */
async function openBench(options: BrowserContextOptions = {}) {
  const opened = await open(`${url}#bench`, options);
  await opened.page.getByLabel("Runs on").selectOption("wasm");
  await idle(opened.page);
  return opened;
}

describe("the bench room", () => {
  test("operators are timed against what the device can do, plotted, and saved as the command prints them", async () => {
    const { page, complaints } = await openBench();
    const { machine, limits, cases } = await measured(page, "NORM");
    expect(machine).toMatchObject({
      browser: expect.stringContaining("Chrome"),
      backend: expect.stringMatching(/SIMD/),
    });
    expect(limits.simdGflops).toBeGreaterThan(0);
    expect(cases.map(({ name }) => name)).toEqual(["group norm + SiLU 320@64", "layer norm 4096x320"]);
    for (const { engines } of cases) expect(engines[0].time!.samplesMs).toHaveLength(2);
    const row = page.getByRole("row", { name: "layer norm" });
    expect(await row.innerText()).toMatch(/ ms ± .*GB\/s\s+\d+ % of a copy/);
    await page.locator(".plot canvas").waitFor();
    await field(page, "Which operators").fill("nonsense");
    await page.getByRole("button", { name: "Time operators" }).click();
    await page.getByRole("alert").filter({ hasText: `No operator's name contains "nonsense"` }).waitFor();
    expect(complaints).toEqual([]);
  });

  test("an ablation can be stopped, and what it has found stays; run to its end it has all rows", async () => {
    const { page, complaints } = await openBench();
    await field(page, "Samples").fill("1");
    await page.getByRole("button", { name: "Ablate the model" }).click();
    const table = page.getByRole("region", { name: "Ablation" });
    await table.getByRole("row", { name: "simplify" }).waitFor();
    await page.keyboard.press("Escape");
    await idle(page);
    expect(await status(page).textContent()).toBe("Cancelled");
    expect(await table.getByRole("row", { name: "everything off" }).count()).toBe(0);
    await page.getByRole("button", { name: "Ablate the model" }).click();
    await table.getByRole("row", { name: "everything off" }).waitFor();
    const found = await result(page, "Ablation");
    if (found.kind !== "ablation") expect.fail(found.kind);
    const options = found.rows.map(({ option }) => option);
    expect(options).toEqual(expect.arrayContaining(["all", "passes.absorb", "memory", "none"]));
    for (const { option, without } of found.rows) expect(without.difference, option).toBeLessThan(2e-3);
    expect(complaints).toEqual([]);
  });

  test.for(["light", "dark"] as const)("axe finds nothing serious, %s, wide and narrow", async (colorScheme) => {
    const { page } = await openBench({ colorScheme });
    expect(await axe(page)).toEqual([]);
    await measured(page, "layer norm");
    await narrow(page);
  });
});
