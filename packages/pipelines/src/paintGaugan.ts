import { compile, WeightError, type Backend, type CompileOptions, type Program } from "@tessera/kernels";
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
import { CheckpointError } from "./checkpoint.ts";
import { imageFromTensor, type Image } from "./image.ts";
import { PipelineError } from "./PipelineError.ts";
import { withinStep, type OnProgress } from "./progress.ts";

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
  readonly program: Program;
  readonly backend: Backend;
  readonly weights: WeightSource;
  /** Frees its memory on the device. */
  dispose(): void;
}

/**
 * Puts a GauGAN generator (Park et al. 2019), original or compressed, on a device.
 *
 * @throws {CheckpointError} for weights that do not fit the config; `ConfigError` for a network that is not known here
 */
export async function loadGaugan(
  checkpoint: GauganCheckpoint,
  backend: Backend,
  { signal, onProgress, options }: Pick<CompileOptions, "signal" | "options"> & { onProgress?: OnProgress } = {},
): Promise<Gaugan> {
  const config = parseGauganConfig(checkpoint.config, checkpoint.weights);
  const weights = gauganWeights(checkpoint.weights);
  const program = await compile(gauganGraph(config), backend, {
    weights,
    signal,
    options,
    onProgress: ({ phase, done, total }) =>
      onProgress?.({ phase: "load", step: done, total, detail: `generator ${phase}` }),
  }).catch((error: unknown) => {
    if (!(error instanceof WeightError)) throw error;
    throw new CheckpointError(`${checkpoint.location}: ${error.message}`, { cause: error });
  });
  return { config, ...gauganSize(config), program, backend, weights, dispose: () => program.dispose() };
}

/**
 * Labels become a picture.
 *
 * @throws {PipelineError} for a map of another size, or a label that the model does not know
 */
export async function paintGaugan(
  gaugan: Gaugan,
  map: LabelMap,
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: OnProgress } = {},
): Promise<Image> {
  const begun = { phase: "decode", step: 0, total: 1 } as const;
  const segmentation = planesOf(map, gaugan);
  onProgress?.(begun);
  const watch = { signal, onProgress: withinStep(onProgress, () => begun) };
  const { image } = await gaugan.program.run({ segmentation }, watch);
  const planes = await image.read();
  onProgress?.({ ...begun, step: 1 });
  return imageFromTensor(planes, gaugan.width, gaugan.height);
}

/** The planes of a label map as the network reads them. */
export function planesOf(map: LabelMap, { config, width, height }: Gaugan): Float32Array {
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
