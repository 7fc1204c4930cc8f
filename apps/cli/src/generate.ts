import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import {
  imageToImage,
  loadStableDiffusion,
  resizeImage,
  textToImage,
  type Image,
  type Result,
} from "@tessera/pipelines";
import { samplers, type SamplerName } from "@tessera/sampling";
import { openCheckpoint } from "@tessera/pipelines/node";
import { toFloat32 } from "@tessera/safetensors";
import { fileSource, replaceFile, writeSafetensorsFile } from "@tessera/safetensors/node";
import { Option, type Command } from "commander";
import { encodePng } from "./encodePng.ts";
import { generationTexts } from "./generationTexts.ts";
import { command, number, wholeNumber, withBackend, type SharedOptions, type Surroundings } from "./options.ts";
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
  readonly latents?: string;
  readonly saveLatents?: string;
}

/** `tessera generate`: a prompt, or a picture and a prompt, become a PNG file. */
export function generateCommand(surroundings: Surroundings): Command {
  return command("generate", "make a picture from a prompt")
    .argument("<prompt>", "what the picture shall show")
    .requiredOption("--model <path>", "checkpoint: a directory in diffusers' layout, or a .safetensors file")
    .requiredOption("--out <file>", "where the picture goes (PNG)")
    .option("--negative <prompt>", "what it shall not show")
    .option("--steps <n>", "denoising steps (default: 20)", wholeNumber(1))
    .option(
      "--guidance <scale>",
      "how closely to follow the prompt; 1 is off, and twice as fast (default: 7.5)",
      number(),
    )
    .option("--seed <n>", "an integer; the same seed gives the same picture (default: random)", wholeNumber())
    .option("--width <pixels>", "default: what the model was trained at", wholeNumber(1))
    .option("--height <pixels>", "default: what the model was trained at", wholeNumber(1))
    .addOption(new Option("--sampler <name>", "the sampler").choices(Object.keys(samplers)).default("ddim"))
    .option("--eta <number>", "DDIM's noise, from 0 (none) to 1 (DDPM's)", number(0, 1))
    .option("--init <image>", "begin with this picture (PNG or JPEG)")
    .option("--strength <number>", "with --init: how much to redo, up to 1 (default: 0.8)", number(0, 1))
    .addOption(
      new Option(
        "--latents <file>",
        "begin with the tensor `latents` of a safetensors file, not with the seed's noise",
      ).conflicts("init"),
    )
    .option("--save-latents <file>", "write the final latents to a safetensors file")
    .action(async (prompt: string, options: GenerateOptions, self: Command) => {
      if (options.strength !== undefined && options.init === undefined) self.error("error: --strength needs --init");
      const { summary, lines } = await generatePicture(prompt, options, surroundings);
      console.log(options.json ? JSON.stringify(summary, null, 2) : lines.join("\n"));
    });
}

/** Does what `tessera generate` says: writes the picture, and returns a summary for programs and one for people. */
export async function generatePicture(
  prompt: string,
  options: GenerateOptions,
  { signal }: Surroundings,
): Promise<{ summary: object; lines: string[] }> {
  await checkTarget(options.out);
  if (/\.(jpe?g|webp|gif|avif)$/i.test(options.out))
    throw new UserError(`${options.out}: pictures are written as PNG. Give a name that ends in .png.`);
  const display = progressDisplay();
  const checkpoint = await openCheckpoint(options.model);
  try {
    return await withBackend(options, async ({ backend, reason }) => {
      const init = options.init === undefined ? undefined : await readImage(options.init);
      const { steps, guidance, seed, eta, sampler, strength } = options;
      const guided = (guidance ?? 7.5) > 1;
      const watch = { onProgress: display.onProgress, signal };
      const started = performance.now();
      const size = { width: options.width, height: options.height };
      const sd = await loadStableDiffusion(checkpoint, backend, { ...size, guided, ...watch });
      const loadMs = performance.now() - started;
      const { width, height } = sd.config;
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
        ...watch,
      };
      let result: Result;
      let resized: string | undefined;
      if (init) {
        const image = fitted(init, width, height);
        if (image !== init)
          resized = `${options.init} was cut and resized from ${init.width}×${init.height} to ${width}×${height}.`;
        result = await imageToImage(sd, { ...shared, image, strength });
      } else {
        const latents = options.latents === undefined ? undefined : await readLatents(options.latents);
        result = await textToImage(sd, { ...shared, latents });
      }
      sd.dispose();
      display.stop();
      const { parameters, timings, truncatedTokens } = result;
      const texts = generationTexts(parameters, checkpoint, backend.description);
      const png = encodePng(result.image, texts);
      if (options.saveLatents !== undefined) {
        const { latents } = result;
        const shape = [1, sd.config.unet.in_channels, height / sd.config.factor, width / sd.config.factor];
        const data = new Uint8Array(latents.buffer, latents.byteOffset, latents.byteLength);
        await writeSafetensorsFile(options.saveLatents, { latents: { dtype: "F32", shape, data } });
      }
      signal.throwIfAborted();
      await replaceFile(options.out, (sink) => Promise.resolve(sink.write(png)));

      const timing = { ...timings, loadMs: loadMs + timings.loadMs, totalMs: loadMs + timings.totalMs };
      const notes = [
        ...(resized ? [resized] : []),
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
  }
}

/** Refuses a place where no file can be written: better now than after minutes of work. */
export async function checkTarget(path: string): Promise<void> {
  const folder = dirname(path);
  if (!(await stat(folder).catch(() => undefined))?.isDirectory())
    throw new UserError(`${path} cannot be written: there is no folder ${folder}. Make it first.`);
  if ((await stat(path).catch(() => undefined))?.isDirectory())
    throw new UserError(`${path} cannot be written: it is a folder. Give the name of a file.`);
}

const fitted = (image: Image, width: number, height: number): Image =>
  image.width === width && image.height === height ? image : resizeImage(image, width, height);

async function readLatents(path: string): Promise<Float32Array> {
  const source = await fileSource(path);
  try {
    if (source.info("latents")) return toFloat32(await source.get("latents"));
    throw new UserError(`${path} has no tensor called latents; it has ${[...source.names()].join(", ") || "none"}.`);
  } finally {
    await source.close?.();
  }
}
