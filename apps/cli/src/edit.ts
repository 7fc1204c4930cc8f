import { editSparse, lazyStableDiffusion, type Image } from "@tessera/pipelines";
import { openCheckpoint } from "@tessera/pipelines/node";
import { samplers, type SamplerName } from "@tessera/sampling";
import { replaceFile } from "@tessera/safetensors/node";
import { Option, type Command } from "commander";
import { asJson } from "./asJson.ts";
import { encodePng } from "./encodePng.ts";
import { checkPicture } from "./checkTarget.ts";
import { generationTexts } from "./generationTexts.ts";
import { command, number, wholeNumber, withBackend, type SharedOptions, type Surroundings } from "./options.ts";
import { cacheTable, editSummary, editTable } from "./editTable.ts";
import { progressDisplay } from "./progressDisplay.ts";
import { readImage } from "./readImage.ts";
import { UserError } from "./UserError.ts";

/** What an edit is made with, besides its pictures. */
export interface EditSettings extends SharedOptions {
  readonly model: string;
  readonly out: string;
  readonly prompt?: string;
  readonly negative?: string;
  readonly steps?: number;
  readonly guidance?: number;
  readonly seed?: number;
  readonly strength?: number;
  readonly sampler?: SamplerName;
  readonly compare?: boolean;
  readonly statistics?: "original" | "edited";
  /** In MiB. */
  readonly cacheBudget?: number;
}

interface EditFiles {
  readonly image: string;
  readonly edited?: string;
  readonly mask?: string;
}

/** `tessera edit`: a picture that was drawn on is redone where it was drawn on, and computed only there. */
export function editCommand(surroundings: Surroundings): Command {
  return command("edit", "redo the part of a picture that was drawn on, computing only that part")
    .requiredOption("--model <path>", "checkpoint: a directory in diffusers' layout, or a .safetensors file")
    .requiredOption("--image <file>", "the picture (PNG or JPEG)")
    .option("--edited <file>", "the same picture, drawn on (default: that picture, and then there must be a mask)")
    .requiredOption("--out <file>", "where the result goes (PNG)")
    .option("--mask <file>", "white where the edit is (default: where the pictures differ)")
    .option("--prompt <text>", "what the picture shall show (default: nothing)")
    .option("--negative <text>", "what it shall not show")
    .option("--steps <n>", "denoising steps (default: 20)", number())
    .option("--strength <number>", "how much of the edited part to redo, up to 1 (default: 0.6)", number())
    .option("--guidance <scale>", "how closely to follow the prompt; 1 is off (default: 7.5)", number())
    .option("--seed <n>", "an integer (default: random)", wholeNumber())
    .addOption(new Option("--sampler <name>", "the sampler").choices(Object.keys(samplers)).default("ddim"))
    .addOption(
      new Option(
        "--statistics <whose>",
        "whose statistics group norms use: the edited picture's are nearer to the edit as a whole, the original's " +
          "faster (default: the edited picture's below 256×256)",
      ).choices(["original", "edited"]),
    )
    .option(
      "--cache-budget <MiB>",
      "memory to keep the original's steps in; the rest is computed again (default: 0)",
      number(),
    )
    .option("--no-compare", "do not compute the edit as a whole, which is there for comparison only")
    .action(async ({ image, edited, mask, ...settings }: EditSettings & EditFiles) => {
      await checkPicture(settings.out);
      if (edited === undefined && mask === undefined)
        throw new UserError("Give --edited, the picture drawn on, or --mask, which is white where it shall be redone.");
      const pictures = {
        image: await readImage(image),
        edited: await readImage(edited ?? image),
        ...(mask !== undefined && { mask: await readImage(mask) }),
      };
      const { summary, lines } = await editPicture(pictures, settings, surroundings);
      console.log(settings.json ? asJson(summary) : lines.join("\n"));
    });
}

/** Does what `tessera edit` says: writes the picture, and returns a summary for programs and one for people. */
export async function editPicture(
  pictures: { image: Image; edited: Image; mask?: Image },
  { prompt = "", negative, compare = true, ...settings }: EditSettings,
  { signal }: Surroundings,
): Promise<{ summary: object; lines: string[] }> {
  const { model, out, steps, strength, guidance, seed, sampler, statistics, cacheBudget } = settings;
  const display = progressDisplay();
  const checkpoint = await openCheckpoint(model);
  try {
    return await withBackend(settings, async ({ backend, reason }) => {
      const { width, height } = pictures.image;
      const watch = { onProgress: display.onProgress, signal };
      const sd = await lazyStableDiffusion(checkpoint, backend, { width, height });
      const options = { prompt, negativePrompt: negative, steps, strength, guidance, seed, sampler, compare, ...watch };
      const cache = cacheBudget === undefined ? {} : { cacheBudget: cacheBudget * 2 ** 20 };
      const result = await editSparse(sd, { ...pictures, ...options, statistics, ...cache });
      sd.dispose();
      display.stop();
      const { report, parameters } = result;
      const png = encodePng(result.image, generationTexts(parameters, checkpoint, backend.description));
      signal.throwIfAborted();
      await replaceFile(out, (sink) => Promise.resolve(sink.write(png)));
      const { name, description } = backend;
      const summary = { out, parameters, report: editSummary(report), backend: { name, description, reason } };
      const size = `${width}×${height}, seed ${parameters.seed}`;
      const lines = [`${out}: ${size}`, ...editTable(report), ...cacheTable(report), `${description}; ${reason}`];
      return { summary, lines };
    });
  } finally {
    display.stop();
    await checkpoint.close();
  }
}
