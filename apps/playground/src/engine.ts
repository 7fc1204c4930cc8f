import type { Ablation, Comparison } from "@tessera/bench";
import { tuned, Tuning, type Backend } from "@tessera/kernels";
import {
  chooseBackend,
  latentPreview,
  loadStableDiffusion,
  openEditSession,
  sd15LatentColours,
  textToImage,
  urlCheckpoint,
  type BackendName,
  type EditResult,
  type GenerateOptions,
  type Image,
  type OnProgress,
  type Progress as PipelineProgress,
  type Result,
  type StableDiffusion,
} from "@tessera/pipelines";
import { browserFile } from "./browserFile.ts";
import { EditDesk, type EditRequest } from "./editDesk.ts";
import { measure, type MeasureRequest } from "./measure.ts";
import { townscapesLatentColours } from "./townscapesLatentColours.ts";

/** What to open. */
export interface OpenRequest {
  readonly backend: BackendName;
  /** Address of a checkpoint in diffusers' layout. */
  readonly checkpoint: string;
  /** Descriptions of the devices whose kernels are to be timed, and chosen by that. */
  readonly tuned: readonly string[];
}

/** What was opened, as data. */
export interface Device {
  readonly backend: Backend["name"];
  readonly description: string;
  /** Why this backend, as a sentence. */
  readonly reason: string;
  readonly caps: unknown;
  /** Whether its kernels were timed. */
  readonly tuned: boolean;
  /** Whether the page may share memory between threads. */
  readonly isolated: boolean;
  readonly checkpoint: string;
  /** Default size of pictures, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Sizes that the UNet can halve as often as it does are multiples of this. */
  readonly sizeStep: number;
}

/** Sizes that are left out are the checkpoint's own. */
export type GenerateRequest = Pick<
  GenerateOptions,
  "prompt" | "negativePrompt" | "seed" | "steps" | "guidance" | "width" | "height"
>;

/** A picture and what is to be known about it. Times in milliseconds. */
export interface Picture extends Pick<Result, "parameters" | "timings" | "truncatedTokens"> {
  readonly png: Blob;
}

export interface Progress extends Pick<PipelineProgress, "step" | "total" | "within" | "detail"> {
  readonly phase: PipelineProgress["phase"] | "measure";
  /** Of the latest step. */
  readonly stepMs?: number;
  /** Bytes that the engine holds on the device. */
  readonly liveBytes: number;
}

/** A small picture of unfinished latents. */
export type Preview = Image;

/** Who is told how a call gets on. */
export interface Watcher {
  progress(progress: Progress): void;
  preview(preview: Preview): void;
  /** What was measured so far. */
  measured(result: Comparison | Ablation): void | Promise<void>;
}

const previewEveryMs = 150;

/** All of the engine that the page can ask for, in the worker: it alone touches the device. One call at a time. */
export class Engine {
  #backend: Backend | undefined;
  #sd: StableDiffusion | undefined;
  #desk: EditDesk | undefined;
  #openMs = 0;

  /** Chooses a backend and puts the checkpoint on it; what was open before is closed first. */
  async open(request: OpenRequest, watcher: Watcher, signal: AbortSignal): Promise<Device> {
    await this.close();
    const started = performance.now();
    const { backend, reason } = await chooseBackend(request.backend);
    this.#backend = backend;
    const isTuned = request.tuned.includes(backend.description);
    try {
      const timing = { measure: true, onWarning: console.warn };
      const device = isTuned ? tuned(backend, await Tuning.open(backend, browserFile("tuning.json"), timing)) : backend;
      const checkpoint = await urlCheckpoint(request.checkpoint, { variant: "fp16", signal });
      this.#sd = await loadStableDiffusion(checkpoint, device, { signal, onProgress: this.#report(watcher) });
    } catch (error) {
      await this.close();
      throw error;
    }
    const sd = this.#sd;
    this.#desk = new EditDesk((options) => openEditSession(sd, options));
    this.#openMs = performance.now() - started;
    const { config, checkpoint } = sd;
    return {
      backend: backend.name,
      description: backend.description,
      reason,
      caps: JSON.parse(JSON.stringify(backend.caps)),
      tuned: isTuned,
      isolated: crossOriginIsolated,
      checkpoint: checkpoint.location,
      width: config.width,
      height: config.height,
      sizeStep: config.factor * 2 ** (config.unet.block_out_channels.length - 1),
    };
  }

  /** A picture for a prompt. The first one's load time is that of `open`. */
  async generate(request: GenerateRequest, watcher: Watcher, signal: AbortSignal): Promise<Picture> {
    const sd = opened(this.#sd);
    const onProgress = this.#report(watcher, request);
    const { image, timings, parameters, truncatedTokens } = await textToImage(sd, { ...request, onProgress, signal });
    const openMs = this.#openMs;
    this.#openMs = 0;
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext("2d")!.putImageData(new ImageData(image.data, image.width, image.height), 0, 0);
    return {
      png: await canvas.convertToBlob({ type: "image/png" }),
      parameters,
      truncatedTokens,
      timings: { ...timings, loadMs: timings.loadMs + openMs },
    };
  }

  /** A drawing with what was painted on it redone. */
  edit(request: EditRequest, watcher: Watcher, signal: AbortSignal): Promise<EditResult> {
    return opened(this.#desk).edit(request, { onProgress: this.#report(watcher), signal });
  }

  /** Speeds of this device: of operators, or of the model with one optimisation off at a time. Told row by row. */
  async measure(request: MeasureRequest, watcher: Watcher, signal: AbortSignal): Promise<void> {
    const onProgress = (progress: Omit<Progress, "liveBytes">) =>
      watcher.progress({ ...progress, liveBytes: this.#backend?.liveBytes ?? 0 });
    for await (const result of measure(opened(this.#sd), request, { onProgress, signal }))
      await watcher.measured(result);
  }

  /** Frees the device. */
  async close(): Promise<void> {
    this.#desk?.dispose();
    this.#sd?.dispose();
    await this.#sd?.checkpoint.close();
    await this.#backend?.dispose();
    this.#sd = this.#desk = this.#backend = undefined;
  }

  #report(watcher: Watcher, request?: GenerateRequest): OnProgress {
    let stepped = 0;
    let previewed = 0;
    return ({ phase, step, total, within, detail, previewLatents }) => {
      const now = performance.now();
      const whole = phase === "sample" && within === undefined;
      const stepMs = whole && step > 0 ? now - stepped : undefined;
      if (whole) stepped = now;
      watcher.progress({ phase, step, total, within, detail, stepMs, liveBytes: this.#backend?.liveBytes ?? 0 });
      if (!previewLatents || now - previewed < previewEveryMs) return;
      previewed = now;
      const { config } = this.#sd!;
      const latents = this.#sd!.latentSize({ ...config, ...request });
      // Stable Diffusion's latents are an eighth of the picture, those of townscapes-sd a quarter.
      const colours = config.factor === 8 ? sd15LatentColours : townscapesLatentColours;
      void previewLatents().then((values) => watcher.preview(latentPreview(values, latents, colours)));
    };
  }
}

function opened<T>(part: T | undefined): T {
  if (!part) throw new Error("There is no checkpoint on the device yet: open one first.");
  return part;
}
