import { existsSync } from "node:fs";
import type { Browser } from "playwright-core";
import { required } from "./backends.ts";

/** Where a Chromium may be; the first that exists is taken. */
const places = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  `${process.env.PROGRAMFILES}\\Google\\Chrome\\Application\\chrome.exe`,
];

/** Headless, with WebGPU on SwiftShader (a GPU in software) and no errands of the browser's own on the network. */
const flags = [
  "--headless=new",
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A browser, or the sentence that says why there is none. */
export type FoundBrowser = { readonly browser: Browser } | { readonly browser?: undefined; readonly reason: string };

/**
 * Starts a Chromium of this machine. Where there is none that starts, the answer says so, and the test skips with that reason:
 * `if (!found.browser) return skip(found.reason)`. With `REQUIRE=browser` that is an error instead.
 */
export async function launchBrowser(): Promise<FoundBrowser> {
  const { chromium } = await import("playwright-core"); // here, since most tests need no browser
  const ownDownload = chromium.executablePath(); // Chrome for Testing, if playwright has installed it
  const path = process.env.CHROMIUM_PATH ?? [...places, ownDownload].find(existsSync);
  let reason = "no Chromium on this machine: install one, or give its path in CHROMIUM_PATH";
  if (path) {
    try {
      return { browser: await chromium.launch({ executablePath: path, args: flags }) };
    } catch (error) {
      reason = `${path} does not start: ${(error as Error).message.split("\n")[0]}`;
    }
  }
  if (required("browser")) throw new Error(`REQUIRE names browser, but: ${reason}.`);
  return { reason };
}
