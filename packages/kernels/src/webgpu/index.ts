export { gpu } from "#gpu";
export { webgpu } from "./backend.ts";
export { adapterName, guaranteed, isSoftware, type WebgpuCaps } from "./caps.ts";
export { requestAdapter, requestDevice, type DeviceOptions } from "./requestDevice.ts";
export * as ladders from "./ladders.ts";
