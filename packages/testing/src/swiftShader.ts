import { existsSync } from "node:fs";
import { required } from "./backends.ts";

/** Where Chromium's own Vulkan driver may be: a GPU in software that comes with the browser. */
const places = [
  "/usr/lib/chromium/vk_swiftshader_icd.json",
  "/usr/lib/chromium-browser/vk_swiftshader_icd.json",
  "/opt/google/chrome/vk_swiftshader_icd.json",
];

/**
 * The manifest of SwiftShader's Vulkan driver: `SWIFTSHADER_ICD`, or that of an installed Chromium. A process whose
 * `VK_DRIVER_FILES` is set to it before its first WebGPU device computes on SwiftShader. Undefined where there is none,
 * which `REQUIRE=swiftshader` makes an error.
 */
export function swiftShader(): string | undefined {
  const found = process.env.SWIFTSHADER_ICD ?? places.find(existsSync);
  if (!found && required("swiftshader"))
    throw new Error(
      `REQUIRE names swiftshader, but there is no ${places[0]}: install Chromium, or set SWIFTSHADER_ICD.`,
    );
  return found;
}
