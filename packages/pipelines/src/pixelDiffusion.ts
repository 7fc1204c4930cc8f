import type { Backend, Options, Program, RunOptions } from "@tessera/kernels";
import {
  configKind,
  networksOf,
  parseDdpmConfig,
  parseProgressiveDistillationConfig,
  type DdpmConfig,
  type ProgressiveDistillationConfig,
} from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import {
  combineFloat32,
  cosineLogSnr,
  fromBoth,
  invCos,
  prediction,
  progressiveDistillation,
  samplers,
  type Model,
  type Sampler,
  type SamplerConfig,
  type SamplerName,
  type SamplerOptions,
} from "@tessera/sampling";
import { lazyNetwork, loadNetwork } from "./loadNetwork.ts";
import { PipelineError } from "./PipelineError.ts";
import type { LoadWatch } from "./progress.ts";

/** A checkpoint of a network that denoises pixels and is told nothing else. */
export interface PixelCheckpoint {
  /** Where it is, for people. */
  readonly location: string;
  /** diffusers' UNet2DModel's, ermongroup/ddim's, or lmxyy/sige's for progressive distillation. */
  readonly config: object;
  /** diffusers' `scheduler_config.json`, if there is one; the other configs name their noise schedule themselves. */
  readonly scheduler?: SamplerConfig;
  readonly weights: WeightSource;
  close(): Promise<void>;
}

/** A denoiser of pixels on a device. */
export interface PixelDiffusion {
  readonly checkpoint: PixelCheckpoint;
  readonly backend: Backend;
  /** Of the pictures that it makes, in pixels. */
  readonly width: number;
  readonly height: number;
  /** 3, or 1 for grey. */
  readonly channels: number;
  /** What it is made for. */
  readonly defaults: { readonly sampler: SamplerName; readonly steps: number };
  sampler(name: SamplerName, steps: number, options?: SamplerOptions): Sampler;
  /**
   * Puts the network on the device, where it is not there yet.
   *
   * @throws {CheckpointError} for weights that do not fit the config
   */
  load(watch?: LoadWatch): Promise<Program>;
  /** The network as that sampler calls it. */
  model(watch?: RunOptions): Model<Float32Array>;
  /** Frees its memory on the device. The checkpoint stays open and the backend alive: both were given. */
  dispose(): void;
}

/** What the two families differ in. */
type Kind = Pick<PixelDiffusion, "defaults" | "sampler"> & {
  readonly channels: number;
  readonly side: number;
  readonly model: (network: Model<Float32Array>) => Model<Float32Array>;
};

interface PixelOptions {
  /** In pixels; default what it was trained at. */
  readonly width?: number;
  readonly height?: number;
  /** Optimisations, for `compile`. */
  readonly options?: Options;
}

/**
 * A denoiser of pixels that is yet to be put on a device: DDPM's (Ho et al. 2020; DDIM's is the same), or a student of
 * progressive distillation (Salimans and Ho 2022).
 *
 * @throws `ConfigError` for a network that is not known here
 */
export function lazyPixelDiffusion(
  checkpoint: PixelCheckpoint,
  backend: Backend,
  { width, height, options }: PixelOptions = {},
): PixelDiffusion {
  const { unet } = networksOf(checkpoint.config);
  const { side, model, ...kind } = kindOf(checkpoint);
  const size = { width: width ?? side, height: height ?? side };
  const from = { weights: unet.weights(checkpoint.weights), file: checkpoint.location };
  const network = lazyNetwork((watch) =>
    loadNetwork(unet.graph(size), backend, { ...from, ...watch, name: "unet", options }),
  );
  return {
    ...kind,
    ...size,
    checkpoint,
    backend,
    ...network,
    model: (watch) => model(async (x, t) => evaluate(await network.load({ signal: watch?.signal }), x, t, watch)),
  };
}

const evaluate = async (program: Program, sample: Float32Array, t: number, watch?: RunOptions) =>
  (await program.run({ sample, timestep: [t] }, watch)).sample.read();

const kindOf = (checkpoint: PixelCheckpoint): Kind =>
  configKind(checkpoint.config) === "progressiveDistillation"
    ? distilled(parseProgressiveDistillationConfig(checkpoint.config))
    : denoising(parseDdpmConfig(checkpoint.config), checkpoint);

function denoising(config: DdpmConfig, { config: json, scheduler }: PixelCheckpoint): Kind {
  const original = (json as { diffusion?: Record<string, unknown> }).diffusion;
  const schedule = (name: SamplerName) => scheduler ?? (original && originalSchedule(json, original, name)) ?? {};
  return {
    channels: config.in_channels,
    side: config.image_size,
    defaults: { sampler: "ddim", steps: 50 },
    sampler: (name, steps, options) => samplers[name](schedule(name), steps, options),
    model: (network) => network,
  };
}

/** ermongroup/ddim's `diffusion` and `model.var_type` as diffusers names them. There, only DDPM's steps clip x₀. */
function originalSchedule(json: object, diffusion: Record<string, unknown>, sampler: SamplerName): SamplerConfig {
  const { beta_schedule, beta_start, beta_end, num_diffusion_timesteps } = diffusion;
  const { var_type } = (json as { model: { var_type?: string } }).model;
  return {
    beta_schedule: beta_schedule as string,
    beta_start: beta_start as number,
    beta_end: beta_end as number,
    num_train_timesteps: num_diffusion_timesteps as number,
    variance_type: var_type === "fixedlarge" ? "fixed_large" : "fixed_small",
    clip_sample: sampler === "ddpm",
  };
}

const predictions = {
  both: prediction.sample,
  v: prediction.v_prediction,
  x: prediction.sample,
  eps: prediction.epsilon,
};

function distilled({ in_ch, image_size, mean_type }: ProgressiveDistillationConfig): Kind {
  return {
    channels: in_ch,
    side: image_size,
    defaults: { sampler: "progressive_distillation", steps: 8 },
    sampler(name, steps) {
      if (name === "progressive_distillation")
        return progressiveDistillation(steps, { prediction: predictions[mean_type] });
      throw new PipelineError(
        `sampler is ${name}, but a student of progressive distillation takes the steps that it learnt: progressive_distillation.`,
      );
    },
    model(network) {
      const timed: typeof network = (z, t) => network(z, 1000 * invCos(cosineLogSnr(t)));
      if (mean_type !== "both") return timed;
      const heads = async (z: Float32Array, t: number): Promise<[Float32Array, Float32Array]> => {
        const out = await timed(z, t);
        return [out.subarray(0, z.length), out.subarray(z.length)];
      };
      return fromBoth(heads, { combine: combineFloat32 });
    },
  };
}
