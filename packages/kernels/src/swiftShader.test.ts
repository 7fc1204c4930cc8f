import { conform, operatorCases, swiftShader } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "./plan/backend.ts";
import { webgpu } from "./webgpu/index.ts";

const driver = swiftShader();

describe.skipIf(!driver)("WGSL kernels on SwiftShader, Chromium's GPU in software, without Chromium", async () => {
  let backend: Backend;
  beforeAll(async () => {
    process.env.VK_DRIVER_FILES = driver; // this file has a process of its own, and no device before this one
    backend = await webgpu();
  });
  afterAll(() => backend.dispose());

  test("it is the one", () => expect(backend.description).toMatch(/SwiftShader/i));

  test.each(await operatorCases())("$name", async (golden) => {
    expect((await conform(golden, backend)).wrong).toEqual([]);
  });
});
