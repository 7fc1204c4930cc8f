import { existsSync } from "node:fs";
import { basename } from "node:path";
import { readTextualInversion, type TextualInversion } from "@tessera/models";
import {
  imageToImage,
  inpaint,
  lazyStableDiffusion,
  resizeImage,
  textToImage,
  type ControlOptions,
  type Image,
  type LoraOptions,
  type Result,
} from "@tessera/pipelines";
import { samplers, type SamplerName } from "@tessera/sampling";
import { openCheckpoint, openControlNet, openPixelDiffusion } from "@tessera/pipelines/node";
import { toFloat32, type WeightSource } from "@tessera/safetensors";
import {
  openCheckpoint as openWeights,
  fileSource,
  replaceFile,
  writeSafetensorsFile,
} from "@tessera/safetensors/node";
import { Option, type Command } from "commander";
import { asJson } from "./asJson.ts";
import { checkPicture, checkTarget } from "./checkTarget.ts";
import { encodePng } from "./encodePng.ts";
import { generateFromNoise } from "./generateFromNoise.ts";
import { generationTexts } from "./generationTexts.ts";
import { command, dashed, number, wholeNumber, withBackend, type SharedOptions, type Surroundings } from "./options.ts";
import { progressDisplay } from "./progressDisplay.ts";
import { readImage } from "./readImage.ts";
import { UserError } from "./UserError.ts";

/** What `tessera generate` takes. */
export interface GenerateOptions extends SharedOptions {
  readonly model: string;
  readonly out: string;
  readonly negative?: string;
  readonly steps?: number;
  readonly guidance?: number;
  readonly seed?: number;
  readonly width?: number;
  readonly height?: number;
  readonly eta?: number;
  readonly sampler?: SamplerName;
  readonly init?: string;
  readonly strength?: number;
  readonly mask?: string;
  readonly lora?: readonly string[];
  readonly embedding?: readonly string[];
  readonly controlnet?: string;
  readonly controlImage?: string;
  readonly controlScale?: number;
  readonly controlStart?: number;
  readonly controlEnd?: number;
  readonly latents?: string;
  readonly saveLatents?: string;
}

/** `tessera generate`: a prompt, a picture and a prompt, or, where the model takes no prompt, noise, become a PNG file. */
export function generateCommand(surroundings: Surroundings): Command {
  return command("generate", "make a picture from a prompt")
    .argument("[prompt]", "what the picture shall show; DDPM and progressive distillation take none")
    .requiredOption("--model <path>", "checkpoint: a directory, as diffusers saves it for one, or a .safetensors file")
    .requiredOption("--out <file>", "where the picture goes (PNG)")
    .option("--negative <prompt>", "what it shall not show")
    .option("--steps <n>", "denoising steps (default: 20; without a prompt 50, distilled 8)", number())
    .option(
      "--guidance <scale>",
      "how closely to follow the prompt; 1 is off, and twice as fast (default: 7.5)",
      number(),
    )
    .option("--seed <n>", "an integer; the same seed gives the same picture (default: random)", wholeNumber())
    .option("--width <pixels>", "default: what the model was trained at", wholeNumber(1))
    .option("--height <pixels>", "default: what the model was trained at", wholeNumber(1))
    .addOption(new Option("--sampler <name>", "the sampler (default: ddim)").choices(Object.keys(samplers)))
    .option(
      "--eta <number>",
      "with --sampler ddim: noise at each step, from 0 (none) to 1 (as much as DDPM) (default: 0)",
      number(),
    )
    .option("--init <image>", "begin with this picture (PNG or JPEG)")
    .option("--mask <image>", "with --init: redo only where this picture is white")
    .option("--strength <number>", "with --init: how much to redo, up to 1 (default: 0.8; with --mask: 1)", number())
    .option("--lora <file[:weight]>", "merge this LoRA (.safetensors); may be given again (weight: 1)", collect)
    .option("--embedding <file[:token]>", "let prompts use this textual inversion; may be given again", collect)
    .option("--controlnet <path>", "steer by this ControlNet: a directory, or a .safetensors file")
    .option("--control-image <image>", "with --controlnet: the edges, the pose … to follow (PNG or JPEG)")
    .option("--control-scale <number>", "with --controlnet: how strongly (default: 1)", number())
    .option("--control-start <share>", "with --controlnet: from which share of the steps on (default: 0)", number())
    .option("--control-end <share>", "with --controlnet: up to which share of the steps (default: 1)", number())
    .addOption(
      new Option(
        "--latents <file>",
        "begin with the tensor `latents` of a safetensors file, not with the seed's noise",
      ).conflicts("init"),
    )
    .option("--save-latents <file>", "write the final latents to a safetensors file")
    .action(async (prompt: string | undefined, options: GenerateOptions, self: Command) => {
      const needs = (option: keyof GenerateOptions, other: keyof GenerateOptions) => {
        if (options[option] === undefined || options[other] !== undefined) return;
        self.error(`error: ${dashed(option)} needs ${dashed(other)}`);
      };
      if (options.eta !== undefined && options.sampler !== undefined && options.sampler !== "ddim")
        self.error(`error: --eta is for --sampler ddim, not ${options.sampler}`);
      needs("strength", "init");
      needs("mask", "init");
      needs("controlnet", "controlImage");
      for (const option of ["controlImage", "controlScale", "controlStart", "controlEnd"] as const)
        needs(option, "controlnet");
      const pixels = await openPixelDiffusion(options.model);
      if (!pixels && prompt === undefined) self.error("error: missing required argument 'prompt'");
      const { summary, lines } = pixels
        ? await generateFromNoise(pixels, prompt, options, surroundings)
        : await generatePicture(prompt!, options, surroundings);
      console.log(options.json ? asJson(summary) : lines.join("\n"));
    });
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Does what `tessera generate` says: writes the picture, and returns a summary for programs and one for people. */
export async function generatePicture(
  prompt: string,
  options: GenerateOptions,
  { signal }: Surroundings,
): Promise<{ summary: object; lines: string[] }> {
  await checkPicture(options.out);
  if (options.saveLatents !== undefined) await checkTarget(options.saveLatents);
  const display = progressDisplay();
  const checkpoint = await openCheckpoint(options.model);
  const opened: WeightSource[] = [];
  try {
    const loras: LoraOptions[] = [];
    for (const { file, rest } of (options.lora ?? []).map((given) => split(given, /:(-?\d*\.?\d+)$/))) {
      const source = await openAdapter(file, "--lora", opened);
      loras.push({ name: basename(file), source, weight: rest === undefined ? 1 : Number(rest) });
    }
    const embeddings: TextualInversion[] = [];
    for (const { file, rest } of (options.embedding ?? []).map((given) => split(given, /:([^:/\\]+)$/))) {
      const source = await openAdapter(file, "--embedding", opened);
      const name = rest ?? (source.info("emb_params") ? basename(file, ".safetensors") : undefined);
      embeddings.push(await readTextualInversion(source, name));
    }
    const controlNet = options.controlnet === undefined ? undefined : await openControlNet(options.controlnet);
    if (controlNet) opened.push(controlNet.weights);
    // All that can be wrong with files is said before the model is loaded, which takes long.
    const pictureOf = async (path?: string) =>
      path === undefined ? undefined : { path, image: await readImage(path) };
    const init = await pictureOf(options.init);
    const mask = await pictureOf(options.mask);
    const controlImage = await pictureOf(options.controlImage);
    const latents = options.latents === undefined ? undefined : await readLatents(options.latents);
    return await withBackend(options, async ({ backend, reason }) => {
      const { steps, guidance, seed, eta, sampler, strength } = options;
      const watch = { onProgress: display.onProgress, signal };
      const started = performance.now();
      const size = { width: options.width, height: options.height };
      const sd = await lazyStableDiffusion(checkpoint, backend, { ...size, loras, embeddings });
      const loadMs = performance.now() - started;
      const { width, height } = sd.config;
      let result: Result;
      const resized: string[] = [];
      const fitted = ({ path, image }: { path: string; image: Image }): Image => {
        if (image.width === width && image.height === height) return image;
        resized.push(`${path} was cut and resized from ${image.width}×${image.height} to ${width}×${height}.`);
        return resizeImage(image, width, height);
      };
      const control: ControlOptions | undefined = controlNet && {
        model: controlNet,
        image: fitted(controlImage!),
        scale: options.controlScale,
        start: options.controlStart,
        end: options.controlEnd,
      };
      const shared = {
        prompt,
        negativePrompt: options.negative,
        steps,
        guidance,
        seed,
        width,
        height,
        eta,
        sampler,
        control,
        ...watch,
      };
      if (init) {
        const image = fitted(init);
        result = mask
          ? await inpaint(sd, { ...shared, image, mask: fitted(mask), strength })
          : await imageToImage(sd, { ...shared, image, strength });
      } else result = await textToImage(sd, { ...shared, latents });
      sd.dispose();
      display.stop();
      const { parameters, timings, truncatedTokens } = result;
      const texts = generationTexts(parameters, checkpoint, backend.description);
      const png = encodePng(result.image, texts);
      if (options.saveLatents !== undefined) {
        const { latents } = result;
        const shape = [1, sd.config.unet.out_channels, height / sd.config.factor, width / sd.config.factor];
        const data = new Uint8Array(latents.buffer, latents.byteOffset, latents.byteLength);
        await writeSafetensorsFile(options.saveLatents, { latents: { dtype: "F32", shape, data } });
      }
      signal.throwIfAborted();
      await replaceFile(options.out, (sink) => Promise.resolve(sink.write(png)));

      const timing = { ...timings, loadMs: loadMs + timings.loadMs, totalMs: loadMs + timings.totalMs };
      const notes = [
        ...resized,
        ...(truncatedTokens ? [`The prompt is too long: its last ${truncatedTokens} tokens had no influence.`] : []),
      ];
      const summary = {
        out: options.out,
        parameters,
        model: { location: checkpoint.location, files: checkpoint.files },
        backend: { name: backend.name, description: backend.description, reason },
        timings: timing,
        truncatedTokens,
        notes,
      };
      const s = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
      const taken = timings.stepMs.length;
      const lines = [
        ...notes.map((note) => `note: ${note}`),
        `${options.out}: ${width}×${height}, seed ${result.seed}`,
        `${s(timing.totalMs)}: load ${s(timing.loadMs)}, encode ${s(timing.encodeMs)}, ${taken} steps ${s(timing.sampleMs)} ` +
          `(${(timing.sampleMs / taken).toFixed(0)} ms each), decode ${s(timing.decodeMs)}`,
        `${backend.description}; ${reason}`,
      ];
      return { summary, lines };
    });
  } finally {
    display.stop();
    await checkpoint.close();
    for (const source of opened) await source.close?.();
  }
}

/** `FILE` or `FILE:REST`, where a file of the whole name wins. */
function split(given: string, pattern: RegExp): { file: string; rest?: string } {
  const match = existsSync(given) ? undefined : pattern.exec(given);
  return match ? { file: given.slice(0, match.index), rest: match[1] } : { file: given };
}

async function openAdapter(file: string, option: string, opened: WeightSource[]): Promise<WeightSource> {
  if (!existsSync(file)) throw new UserError(`${option}: ${file} does not exist. Give a .safetensors file.`);
  const source = await openWeights(file);
  opened.push(source);
  return source;
}

async function readLatents(path: string): Promise<Float32Array> {
  const source = await fileSource(path);
  try {
    if (source.info("latents")) return toFloat32(await source.get("latents"));
    throw new UserError(`${path} has no tensor called latents; it has ${[...source.names()].join(", ") || "none"}.`);
  } finally {
    await source.close?.();
  }
}
