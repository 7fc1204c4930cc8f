/** What a device can do, as data: kernels ask it, plans depend on it, tests make it up. */
export interface WebgpuCaps {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  /** Multiply-adds that may be submitted at once: a launch of more is cut into several. */
  readonly macsPerSubmit: number;
  /** Half-precision arithmetic in shaders. Weights stored as f16 do not need it. */
  readonly f16: boolean;
  /** Invocations in a subgroup; undefined where there are no subgroups, or of sizes that the driver picks. */
  readonly subgroupSize: number | undefined;
  /**
   * Sizes of the matrices that a subgroup multiplies at once on matrix units: m × k halves by k × n halves, added in f32.
   * Undefined where there are none; Chromium and Dawn offer them as an experimental feature.
   */
  readonly subgroupMatrix: { readonly m: number; readonly n: number; readonly k: number } | undefined;
  readonly timestamps: boolean;
  /** Adapter, for people. */
  readonly adapter: string;
  /** The adapter is a processor in disguise: wasm is faster there. */
  readonly software: boolean;
}

/** Under a second on slow integrated GPUs; watchdogs reset a device after two (Windows) or more. */
const macsPerSubmit = 12e9;

/** What every WebGPU device can do: its default limits, and no features. */
export const guaranteed: WebgpuCaps = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 2 ** 14,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupsPerDimension: 65535,
  macsPerSubmit,
  f16: false,
  subgroupSize: undefined,
  subgroupMatrix: undefined,
  timestamps: false,
  adapter: "any",
  software: false,
};

/** Reads a device's limits, features and adapter. Adapter descriptions may be missing, in whole or in part. */
export function capsOf(device: Pick<GPUDevice, "limits" | "features" | "adapterInfo">): WebgpuCaps {
  const { limits, features } = device;
  const info: Partial<GPUAdapterInfo> & MatrixInfo = device.adapterInfo ?? {};
  return {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    macsPerSubmit,
    f16: features.has("shader-f16"),
    subgroupSize:
      features.has("subgroups") && info.subgroupMinSize === info.subgroupMaxSize ? info.subgroupMinSize : undefined,
    subgroupMatrix: features.has("shader-f16") && features.has(subgroupMatrixFeature) ? matrixSizes(info) : undefined,
    timestamps: features.has("timestamp-query"),
    adapter: adapterName(info),
    software: isSoftware(info),
  };
}

/** The name by which Chromium and Dawn know it; no part of the standard yet. */
export const subgroupMatrixFeature = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What Chromium and Dawn add to an adapter's description. */
interface MatrixInfo {
  readonly subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>;
}

/** The largest matrices of halves with sums in f32 of which whole numbers make 32 × 32 and a depth of 16. */
function matrixSizes({ subgroupMatrixConfigs = [] }: MatrixInfo) {
  return [...subgroupMatrixConfigs]
    .filter(({ componentType, resultComponentType }) => componentType === "f16" && resultComponentType === "f32")
    .map(({ M, N, K }) => ({ m: M, n: N, k: K }))
    .filter(({ m, n, k }) => 16 % m === 0 && 32 % n === 0 && 16 % k === 0)
    .toSorted((a, b) => b.m * b.n * b.k - a.m * a.n * a.k)[0];
}

/** An adapter's name, vendor and architecture, as far as it tells. */
export const adapterName = (info: Partial<GPUAdapterInfo>): string =>
  [info.description || info.device, info.vendor, info.architecture].filter(Boolean).join(", ") ||
  "an adapter without a name";

/** Whether an adapter runs on the processor. */
export const isSoftware = (info: Partial<GPUAdapterInfo>): boolean =>
  info.isFallbackAdapter === true ||
  /swiftshader|software|llvmpipe|lavapipe|basic render/i.test(
    [info.vendor, info.architecture, info.device, info.description].join(" "),
  );
