import type { Backend, Graph, Options, Program } from "@tessera/kernels";
import {
  addTokens,
  clipTokenizer,
  componentGraph,
  parseClipTextConfig,
  parseUNetConfig,
  parseVaeConfig,
  vaeFactor,
  type ClipTextConfig,
  type ClipTokenizer,
  type ControlNetConfig,
  type Part,
  type TextualInversion,
  type UNetConfig,
  type VaeConfig,
} from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import type { SchedulerConfig } from "@tessera/sampling";
import { adapted, besides, readApart, type ApartLora, type LoraOptions } from "./adapters.ts";
import { blendGraph } from "./blendGraph.ts";
import { CheckpointError, type Checkpoint } from "./checkpoint.ts";
import { combineGraph } from "./combineGraph.ts";
import { controlGraph } from "./controlGraph.ts";
import type { ControlNet } from "./controlNet.ts";
import { decodeGraph } from "./decodeGraph.ts";
import { loadNetwork, type WeightsOfFile } from "./loadNetwork.ts";
import { PipelineError } from "./PipelineError.ts";
import type { LoadWatch } from "./progress.ts";
import { stepGraph, type StepSize } from "./stepGraph.ts";

/** Configs of all parts, and what follows from them. */
export interface StableDiffusionConfig {
  readonly text_encoder: ClipTextConfig;
  readonly unet: UNetConfig;
  readonly vae: VaeConfig;
  readonly scheduler: SchedulerConfig;
  /** Pixels per latent, per side. */
  readonly factor: number;
  /** The picture's size in pixels unless told otherwise: what the UNet was trained at. */
  readonly width: number;
  readonly height: number;
}

export interface ModelOptions {
  /** Of the pictures to come, in pixels. Other sizes work too, but take another load. */
  readonly width?: number;
  readonly height?: number;
  /** Merged into the weights, in this order, or kept apart. */
  readonly loras?: readonly LoraOptions[];
  /** Words that prompts may use. */
  readonly embeddings?: readonly TextualInversion[];
  /** Optimisations, for `compile`. */
  readonly options?: Options;
}

export interface LoadOptions extends ModelOptions, LoadWatch {
  /** Whether guidance will be above 1 (default true): the other way takes another load. */
  readonly guided?: boolean;
}

/** Picture size in pixels. */
interface Size {
  readonly width: number;
  readonly height: number;
}

interface Guided extends Size {
  readonly guided: boolean;
}

const keyOf = ({ width, height, guided }: Guided): string => `${width}x${height} ${guided}`;

/**
 * A Stable Diffusion checkpoint on a device. Each network is compiled when it is first needed and kept for as long as
 * the size stays the same: weights are on the device once, so a new size replaces the old program.
 */
export class StableDiffusion {
  readonly checkpoint: Checkpoint;
  readonly backend: Backend;
  readonly config: StableDiffusionConfig;
  readonly tokenizer: ClipTokenizer;
  readonly loras: readonly LoraOptions[];
  /** Those that are kept apart. */
  readonly apart: readonly ApartLora[];
  readonly embeddings: readonly TextualInversion[];
  readonly #options: Options | undefined;
  readonly #programs = new Map<string, { key: string; weights: WeightSource | undefined; program: Program }>();
  #queue: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(
    checkpoint: Checkpoint,
    backend: Backend,
    config: StableDiffusionConfig,
    tokenizer: ClipTokenizer,
    {
      options,
      loras = [],
      apart = [],
      embeddings = [],
    }: Pick<ModelOptions, "options" | "loras" | "embeddings"> & { readonly apart?: readonly ApartLora[] } = {},
  ) {
    this.checkpoint = checkpoint;
    this.backend = backend;
    this.config = config;
    this.tokenizer = tokenizer;
    this.loras = loras;
    this.apart = apart;
    this.embeddings = embeddings;
    this.#options = options;
  }

  /** Bytes that the backend holds now, of this and of any other program on it. */
  get liveBytes(): number {
    return this.backend.liveBytes;
  }

  /** Whether the UNet is made for inpainting: it reads a mask and the latents of what is kept too. */
  get inpaints(): boolean {
    return this.config.unet.in_channels > this.config.unet.out_channels;
  }

  /**
   * The latents' size for a picture's.
   *
   * @throws {PipelineError} for a size that is no positive multiple of the VAE's factor
   */
  latentSize({ width, height }: Size): Size {
    const { factor } = this.config;
    for (const [side, pixels] of Object.entries({ width, height })) {
      if (Number.isInteger(pixels) && pixels > 0 && pixels % factor === 0) continue;
      const near = Math.max(1, Math.round(pixels / factor) || 1) * factor;
      throw new PipelineError(
        `The ${side} is ${pixels} pixels, but must be a positive multiple of ${factor}, the VAE's factor. Try ${near}.`,
      );
    }
    return { width: width / factor, height: height / factor };
  }

  /** The shape of the latents of one picture. */
  latentShape(size: Size): readonly [1, number, number, number] {
    const { width, height } = this.latentSize(size);
    return [1, this.config.unet.out_channels, height, width];
  }

  /** A part's weights. */
  async part(part: Part): Promise<WeightsOfFile> {
    const { checkpoint } = this;
    const weights = await checkpoint.weights(part);
    return { weights, file: `${checkpoint.files[part]} of ${checkpoint.location}` };
  }

  /** Prompts [n 77] → context [n 77 e]. */
  textEncoder(batch: number, watch: LoadWatch): Promise<Program> {
    const config = this.config.text_encoder;
    const graph = () => componentGraph({ component: "text_encoder", config }, { batch });
    return this.#program("text_encoder", String(batch), "text_encoder", graph, watch);
  }

  /** One guided evaluation of the UNet: see `stepGraph`. */
  step({ control, ...size }: Guided & { control?: ControlNetConfig }, watch: LoadWatch): Promise<Program> {
    const graph = () => stepGraph(this.config.unet, { ...this.#stepSize(size), control });
    return this.#program("unet", `${keyOf(size)} ${control !== undefined}`, "unet", graph, watch);
  }

  /** What a ControlNet says to that: see `controlGraph`. */
  control({ config, weights, location }: ControlNet, size: Guided, watch: LoadWatch): Promise<Program> {
    const graph = () => controlGraph(config, this.#stepSize(size));
    return this.#program("controlnet", keyOf(size), { weights, file: location }, graph, watch);
  }

  /** Latents → picture: see `decodeGraph`. */
  decoder(size: Size, watch: LoadWatch): Promise<Program> {
    const graph = () => decodeGraph(this.config.vae, this.latentSize(size));
    return this.#program("vae_decoder", `${size.width}x${size.height}`, "vae", graph, watch);
  }

  /** Picture → moments of the latents. */
  encoder({ width, height }: Size, watch: LoadWatch): Promise<Program> {
    const graph = () => componentGraph({ component: "vae_encoder", config: this.config.vae }, { width, height });
    return this.#program("vae_encoder", `${width}x${height}`, "vae", graph, watch);
  }

  /** Latents here, what is known there: see `blendGraph`. */
  blend(size: Size, watch: LoadWatch): Promise<Program> {
    const graph = () => blendGraph(this.latentShape(size));
    return this.#program("blend", `${size.width}x${size.height}`, undefined, graph, watch);
  }

  /** The sampler's algebra on latents of a size: see `combineGraph`. */
  combine(terms: number, size: Size, watch: LoadWatch): Promise<Program> {
    const { width, height } = size;
    const graph = () => combineGraph(terms, this.latentShape(size));
    return this.#program(`combine${terms}`, `${width}x${height}`, undefined, graph, watch);
  }

  /** Runs one generation at a time: programs hold one result each. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** Frees all memory on the device. The checkpoint stays open and the backend alive: both were given. */
  dispose(): void {
    this.#disposed = true;
    for (const { program } of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }

  #stepSize({ guided, ...size }: Guided): StepSize {
    return { ...this.latentSize(size), tokens: this.config.text_encoder.max_position_embeddings, guided };
  }

  async #program(
    slot: string,
    key: string,
    from: Part | WeightsOfFile | undefined,
    build: () => Graph,
    watch: LoadWatch,
  ): Promise<Program> {
    this.#throwIfDisposed();
    const known = this.#programs.get(slot);
    const own = typeof from === "object" ? from.weights : undefined;
    if (known?.key === key && known.weights === own) return known.program;
    let graph = build();
    // The old size goes first: two copies of a network's weights may be more than the device holds.
    known?.program.dispose();
    this.#programs.delete(slot);
    const { signal, onProgress } = watch;
    const source = typeof from === "string" ? await this.part(from) : from;
    let weights = source?.weights;
    if (weights && (from === "unet" || from === "text_encoder"))
      ({ graph, weights } = await besides(this.apart, { graph, weights }));
    const network = { name: slot, ...source, weights, options: this.#options };
    const program = await loadNetwork(graph, this.backend, { ...network, signal, ...(from && { onProgress }) });
    if (this.#disposed) program.dispose();
    this.#throwIfDisposed();
    this.#programs.set(slot, { key, weights: own, program });
    return program;
  }

  #throwIfDisposed(): void {
    if (this.#disposed) throw new PipelineError("This pipeline has been disposed. Load it again.");
  }
}

/**
 * Reads a checkpoint's configs and tokenizer, and checks that its parts fit each other. Weights are read and kernels built
 * when they are first needed: what a pipeline must refuse, it then refuses before that.
 *
 * @throws {CheckpointError} for files that are missing or do not fit; `ConfigError` for a network that is not known here
 */
export async function lazyStableDiffusion(
  files: Checkpoint,
  backend: Backend,
  { width, height, options, loras = [], embeddings = [] }: ModelOptions = {},
): Promise<StableDiffusion> {
  const checkpoint = loras.length + embeddings.length > 0 ? await adapted(files, loras, embeddings) : files;
  const published = parseClipTextConfig(await checkpoint.config("text_encoder"));
  const { added, vocab_size } = addTokens(published, embeddings);
  const text_encoder = { ...published, vocab_size };
  const unet = parseUNetConfig(await checkpoint.config("unet"));
  const vae = parseVaeConfig(await checkpoint.config("vae"));
  const scheduler = { ...(await checkpoint.config("scheduler")), ...pipelineSchedule } as SchedulerConfig;
  const factor = vaeFactor(vae);
  const side = unet.sample_size * factor;
  const config = { text_encoder, unet, vae, scheduler, factor, width: width ?? side, height: height ?? side };

  const fits = (what: string, a: number, other: string, b: number) => {
    if (a === b) return;
    throw new CheckpointError(
      `${checkpoint.location}: ${what} is ${a}, but ${other} ${b}. Its parts do not belong together.`,
    );
  };
  fits(
    "the UNet's cross_attention_dim",
    unet.cross_attention_dim,
    "the text encoder's hidden_size",
    text_encoder.hidden_size,
  );
  fits("the UNet's out_channels", unet.out_channels, "the VAE's latent_channels", vae.latent_channels);
  if (unet.in_channels !== unet.out_channels)
    fits("the UNet's in_channels", unet.in_channels, "latents, mask and latents take", 2 * unet.out_channels + 1);

  const { config: special, ...words } = await checkpoint.tokenizer();
  const length = text_encoder.max_position_embeddings;
  const tokenizer = clipTokenizer({ ...words, added, config: { ...special, model_max_length: length } });
  const tokens = Object.values(words.vocab).reduce((most, id) => Math.max(most, id + 1), 0);
  if (tokens > published.vocab_size) {
    throw new CheckpointError(
      `${checkpoint.location}: tokenizer/vocab.json has ids up to ${tokens - 1}, but the text encoder's vocab_size is ` +
        `${published.vocab_size}. Take the tokenizer that belongs to this checkpoint.`,
    );
  }

  const apart = await readApart(loras);
  return new StableDiffusion(checkpoint, backend, config, tokenizer, { options, loras, apart, embeddings });
}

/**
 * The same with text encoder, UNet and VAE decoder on the device, for pictures of the given size.
 *
 * @throws {CheckpointError} for weights too
 */
export async function loadStableDiffusion(
  files: Checkpoint,
  backend: Backend,
  { guided = true, signal, onProgress, ...options }: LoadOptions = {},
): Promise<StableDiffusion> {
  const sd = await lazyStableDiffusion(files, backend, options);
  const watch = { signal, onProgress };
  try {
    const step = await sd.step({ ...sd.config, guided }, watch);
    await sd.textEncoder(step.plan.graph.inputs.get("context")!.shape[0], watch);
    await sd.decoder(sd.config, watch);
  } catch (error) {
    sd.dispose();
    throw error;
  }
  return sd;
}

/** What diffusers' StableDiffusionPipeline (0.24, `__init__`) sets in every scheduler config, whatever the file says. */
const pipelineSchedule = { clip_sample: false, steps_offset: 1 };
