import { callInPage, launchBrowser, operatorCases, servePage, type PageServer } from "@tessera/testing";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

/** One case of each op, or, with CONFORMANCE=whole in the environment, all of them. */
const cases = (await operatorCases()).filter(
  ({ op }, i, all) => process.env.CONFORMANCE === "whole" || all.findIndex((other) => other.op === op) === i,
);

describe("WGSL kernels in Chromium, compiled from source, on numbers fetched from the fixtures", () => {
  let browser: Browser | undefined;
  let reason = "";
  let server: PageServer;
  let page: Page;
  const complaints: string[] = []; // Chromium also tells what the device finds wrong
  beforeAll(async () => {
    const found = await launchBrowser();
    if (!found.browser) return void ({ reason } = found);
    browser = found.browser;
    server = await servePage();
    page = await browser.newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    await page.goto(server.url);
  });
  beforeEach(({ skip }) => {
    if (!browser) skip(reason);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  test("the page is isolated, so threads work too", async () => {
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  });

  test.each(cases)("$name", async ({ name }) => {
    const { adapter, wrong } = await callInPage(page, "conformity", name);
    expect(wrong).toEqual([]);
    expect(adapter).not.toBe("");
    expect(complaints).toEqual([]);
  });

  test("a device that is lost in the middle of a run is replaced, and the run repeated", async () => {
    expect(await callInPage(page, "lostDevice", 200)).toEqual({ sum: 200, devices: 2 });
  });
});
