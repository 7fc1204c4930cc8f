import type { DeviceTensor, Program, RunOptions } from "@tessera/kernels";
import { controlNetNames, parseControlNetConfig, type ControlNetConfig } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { CheckpointError } from "./checkpoint.ts";
import { imageToTensor, type Image } from "./image.ts";
import { PipelineError } from "./PipelineError.ts";
import type { StableDiffusion } from "./stableDiffusion.ts";

/** A ControlNet's files, read as far as their headers. Its weights go to the device with the first picture that uses it. */
export interface ControlNet {
  /** Where it is, for people. */
  readonly location: string;
  readonly config: ControlNetConfig;
  /** Under diffusers' names. */
  readonly weights: WeightSource;
}

/** How a ControlNet steers one generation. */
export interface ControlOptions {
  readonly model: ControlNet;
  /** The control picture (edges, depth, a pose …), of the result's size, as the ControlNet was trained on it. */
  readonly image: Image;
  /** How strongly; default 1. */
  readonly scale?: number;
  /** From and to which share of the steps; default 0 and 1. */
  readonly start?: number;
  readonly end?: number;
}

/** Understands a ControlNet: `source` in diffusers' layout or the original one, `config` its `config.json`, if there is one. */
export function controlNetFrom(source: WeightSource, location: string, config: object = sd15Control): ControlNet {
  const parsed = parseControlNetConfig(config);
  const weights = controlNetNames(source, parsed);
  if (weights.info("controlnet_mid_block.weight")) return { location, config: parsed, weights };
  throw new CheckpointError(
    `${location} is no ControlNet: it has neither controlnet_mid_block.weight nor middle_block_out.0.weight. ` +
      "If it is a whole checkpoint, give it as the model; a T2I-adapter or a LoRA is something else.",
  );
}

const sd15Control = { cross_attention_dim: 768 };

/** The choices, for a picture's record. */
export const controlRecord = ({ model, scale = 1, start = 0, end = 1 }: ControlOptions) => ({
  model: model.location,
  scale,
  start,
  end,
});

/** What the ControlNet's program says at a call of the UNet, by its number; by diffusers' rule, which share of the steps hears it. */
export function steering(program: Program, { image, scale = 1, start = 0, end = 1 }: ControlOptions, calls: number) {
  const picture = imageToTensor(image).map((value) => (value + 1) / 2);
  let silence: Record<string, DeviceTensor> | undefined;
  return async (
    call: number,
    step: Parameters<Program["run"]>[0],
    options: RunOptions,
  ): Promise<Record<string, DeviceTensor>> => {
    const silent = call / calls < start || (call + 1) / calls > end;
    if (silent && silence) return silence;
    const said = await program.run({ ...step, image: picture, scale: [silent ? 0 : scale] }, options);
    silence = silent ? said : undefined;
    return said;
  };
}

/** Refuses what does not fit before any work begins. */
export function checkedControl(
  sd: StableDiffusion,
  { width, height }: { width: number; height: number },
  control: ControlOptions,
): ControlOptions {
  const { model, image, scale = 1, start = 0, end = 1 } = control;
  const must = (holds: boolean, message: string) => {
    if (!holds) throw new PipelineError(message);
  };
  must(
    image.width === width && image.height === height,
    `The control picture is ${image.width}×${image.height}, the result shall be ${width}×${height}. Resize it first (resizeImage).`,
  );
  must(Number.isFinite(scale), `The control's scale is ${scale}, but must be a number. Try 1.`);
  must(
    start >= 0 && start <= end && end <= 1,
    `The control goes from ${start} to ${end} of the steps, but must lie within 0 … 1, the start first.`,
  );
  const { unet, factor } = sd.config;
  const { config, location } = model;
  const same = (what: string, a: unknown, b: unknown) =>
    must(
      String(a) === String(b),
      `${location}: the ControlNet's ${what} is ${a}, the UNet's ${b}. It was made for another model (Stable Diffusion 1, 2 and XL differ).`,
    );
  same("cross_attention_dim", config.cross_attention_dim, unet.cross_attention_dim);
  same("block_out_channels", config.block_out_channels, unet.block_out_channels);
  same("layers_per_block", config.layers_per_block, unet.layers_per_block);
  same("input channels", config.in_channels, unet.out_channels);
  same("pixels per latent", 2 ** (config.conditioning_embedding_out_channels.length - 1), factor);
  return control;
}
