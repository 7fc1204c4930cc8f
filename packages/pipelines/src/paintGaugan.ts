import type { Backend, Options, Program } from "@tessera/kernels";
import {
  gauganGraph,
  gauganSize,
  gauganWeights,
  parseGauganConfig,
  segmentationOf,
  type GauganConfig,
  type LabelMap,
} from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { imageFromTensor, type Image } from "./image.ts";
import { lazyNetwork, loadNetwork } from "./loadNetwork.ts";
import { PipelineError } from "./PipelineError.ts";
import { withinStep, type LoadWatch } from "./progress.ts";

/** A generator's checkpoint: its options as JSON, and its weights as they were trained. */
export interface GauganCheckpoint {
  /** Where it is, for people. */
  readonly location: string;
  readonly config: unknown;
  readonly weights: WeightSource;
  close(): Promise<void>;
}

/** A GauGAN generator on a device. */
export interface Gaugan {
  readonly config: GauganConfig;
  /** Of the pictures that it paints, in pixels; label maps have the same. */
  readonly width: number;
  readonly height: number;
  readonly backend: Backend;
  readonly weights: WeightSource;
  /** Where the weights are from, for people. */
  readonly file: string;
  /**
   * Its network on the device, where it is put when it is first needed.
   *
   * @throws {CheckpointError} for weights that do not fit the config
   */
  load(watch?: LoadWatch): Promise<Program>;
  /** Frees its memory on the device. */
  dispose(): void;
}

/**
 * A GauGAN generator (Park et al. 2019), original or compressed, that is yet to be put on a device.
 *
 * @throws `ConfigError` for a network that is not known here
 */
export function lazyGaugan(checkpoint: GauganCheckpoint, backend: Backend, options?: Options): Gaugan {
  const config = parseGauganConfig(checkpoint.config, checkpoint.weights);
  const device = { backend, weights: gauganWeights(checkpoint.weights), file: checkpoint.location };
  const network = lazyNetwork((watch) =>
    loadNetwork(gauganGraph(config), backend, { ...device, ...watch, name: "generator", options }),
  );
  return { config, ...gauganSize(config), ...device, ...network };
}

/**
 * Labels become a picture.
 *
 * @throws {PipelineError} for a map of another size, or a label that the model does not know
 */
export async function paintGaugan(
  gaugan: Gaugan,
  map: LabelMap,
  { signal, onProgress }: LoadWatch = {},
): Promise<Image> {
  const begun = { phase: "decode", step: 0, total: 1 } as const;
  const segmentation = planesOf(map, gaugan);
  const program = await gaugan.load({ signal, onProgress });
  onProgress?.(begun);
  const watch = { signal, onProgress: withinStep(onProgress, () => begun) };
  const { image } = await program.run({ segmentation }, watch);
  const planes = await image.read();
  onProgress?.({ ...begun, step: 1 });
  return imageFromTensor(planes, gaugan.width, gaugan.height);
}

/**
 * The planes of a label map as the network reads them.
 *
 * @throws {PipelineError} as `paintGaugan` does
 */
export function planesOf(
  map: LabelMap,
  { config, width, height }: Pick<Gaugan, "config" | "width" | "height">,
): Float32Array {
  if (map.width !== width || map.height !== height)
    throw new PipelineError(
      `The label map is ${map.width}×${map.height}, but this model paints ${width}×${height}. Resize the map, without ` +
        "smoothing (nearest neighbour).",
    );
  try {
    return segmentationOf(map, config);
  } catch (cause) {
    throw new PipelineError((cause as Error).message, { cause });
  }
}
