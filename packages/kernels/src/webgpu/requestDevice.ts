import { advice, gpu } from "#gpu";
import { DeviceError } from "../graph/errors.ts";
import { subgroupMatrixFeature, type WebgpuCaps } from "./caps.ts";

export interface DeviceOptions {
  /** Asks for the limits every WebGPU device has and no features, to see what runs everywhere. */
  readonly defaultLimits?: boolean;
  readonly powerPreference?: GPUPowerPreference;
  /** Works as if the device had less than it has, to see what runs on others. */
  readonly limits?: Partial<Pick<WebgpuCaps, "maxBufferSize" | "maxStorageBufferBindingSize" | "macsPerSubmit">>;
}

const limits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
] as const;
const features: readonly GPUFeatureName[] = ["shader-f16", "subgroups", subgroupMatrixFeature, "timestamp-query"];

/** A device with the useful limits and features that the adapter offers. Rejects with a DeviceError where there is none. */
export async function requestDevice({
  defaultLimits = false,
  powerPreference = "high-performance",
}: DeviceOptions = {}): Promise<GPUDevice> {
  const adapter = await requestAdapter(powerPreference);
  const wishes: GPUDeviceDescriptor = {
    requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
    requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
  };
  try {
    const device = await adapter.requestDevice(defaultLimits ? {} : wishes);
    // Dawn for Node leaves what it says of matrix units out of the device's copy.
    return Object.defineProperty(device, "adapterInfo", { value: adapter.info });
  } catch (cause) {
    throw new DeviceError(`requestDevice: the adapter gave no device (${(cause as Error).message}).`, { cause });
  }
}

/** The adapter, or a DeviceError that says what is missing and what to try. */
export async function requestAdapter(powerPreference: GPUPowerPreference = "high-performance"): Promise<GPUAdapter> {
  const api = await gpu();
  if (!api) throw new DeviceError(`requestDevice: there is no WebGPU here. To get it, ${advice}.`);
  const adapter = await api.requestAdapter({ powerPreference });
  if (!adapter) throw new DeviceError(`requestDevice: WebGPU is here but found no adapter. To get one, ${advice}.`);
  return adapter;
}
