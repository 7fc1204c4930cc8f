import { callInPage, expectClose, launchBrowser, servePage } from "@tessera/testing";
import { expect, test } from "vitest";

test("a graph compiles and runs in a browser, from source, on numbers fetched from the fixtures", async ({ skip }) => {
  const found = await launchBrowser();
  if (!found.browser) return skip(found.reason);
  const server = await servePage();
  try {
    const page = await found.browser.newPage();
    await page.goto(server.url);
    const result = await callInPage(page, "goldenSilu", "silu");
    expectClose(result.actual, result.expected, 1e-6);
    expect(result).toMatchObject({ isolated: true, adapter: expect.any(String) });
  } finally {
    await found.browser.close();
    await server.close();
  }
});
