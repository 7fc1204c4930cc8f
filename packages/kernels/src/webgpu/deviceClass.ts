import type { WebgpuCaps } from "./caps.ts";

/** What kernels' `recommends` go by: how one kind of device differs from another. */
export interface DeviceClass {
  /** Whether threads hand numbers on in workgroup memory, or better within a subgroup or not at all. */
  readonly fastWorkgroupMemory: boolean;
  /** Heads up to this width are attended to by subgroups. */
  readonly widestSubgroupHead: number;
  /** Results of a picture from which on Winograd's tiles of 2×2 are worth weights of 1.8 times the bytes. */
  readonly leastWinograd2Pixels: number;
}

/**
 * Processors: workgroup memory is memory like any other, and barriers switch fibres. Measured on lavapipe: 64 × 64 tiles in
 * workgroup memory take 4.5 to 7.5 times as long as tiles by subgroups; flash attention by subgroups takes 0.2 to 0.9 of
 * the time of stored logits where heads are 80 and 160 wide, for 16 to 1024 queries and keys. Products are slow and memory is
 * the host's.
 */
const processor: DeviceClass = { fastWorkgroupMemory: false, widestSubgroupHead: 160, leastWinograd2Pixels: 128 };

/** GPUs have workgroup memory on the chip. Not measured: no GPU was at hand. `Tuning` measures on the device itself. */
const gpu: DeviceClass = { fastWorkgroupMemory: true, widestSubgroupHead: 0, leastWinograd2Pixels: 1024 };

export const deviceClass = ({ software }: WebgpuCaps): DeviceClass => (software ? processor : gpu);
