import { cityscapesLabel, gauganSize, type GauganConfig, type LabelMap } from "@tessera/models";
import {
  editedLabels,
  lazyGaugan,
  openPaintSession,
  paintGaugan,
  planesOf,
  type Gaugan,
  type OnProgress,
  type Repaint,
} from "@tessera/pipelines";
import { openGaugan } from "@tessera/pipelines/node";
import { replaceFile } from "@tessera/safetensors/node";
import type { Command } from "commander";
import { asJson } from "./asJson.ts";
import { encodePng } from "./encodePng.ts";
import { checkPicture } from "./checkTarget.ts";
import { command, withBackend, type SharedOptions, type Surroundings } from "./options.ts";
import { editSummary, editTable } from "./editTable.ts";
import { progressDisplay } from "./progressDisplay.ts";
import { readMap, type PixelMap } from "./readMap.ts";
import { UserError } from "./UserError.ts";

interface PaintOptions extends SharedOptions {
  readonly model: string;
  readonly labels: string;
  readonly instances?: string;
  readonly editedLabels?: string;
  readonly editedInstances?: string;
  readonly compare: boolean;
  readonly out: string;
}

/** `tessera paint`: GauGAN turns a map of labels into a picture. */
export function paintCommand({ signal }: Surroundings): Command {
  return command("paint", "make a picture from a map of labels, with a GauGAN generator")
    .requiredOption("--model <directory>", "config.json and model.safetensors of the generator")
    .requiredOption(
      "--labels <file>",
      "PNG: a label's number as each pixel's grey value or palette index, or its colour",
    )
    .requiredOption("--out <file>", "where the picture goes (PNG)")
    .option("--instances <file>", "PNG: a number or colour for each thing (default: each patch of one label is one)")
    .option(
      "--edited-labels <file>",
      "the labels after an edit: the picture is of these, painted anew only where they differ",
    )
    .option("--edited-instances <file>", "the instances after the edit (default: those before it)")
    .option("--no-compare", "do not paint the edit as a whole too, which is there for comparison only")
    .addHelpText("after", "\nColours are those of Cityscapes, and need a model with its 35 labels.")
    .action(async (options: PaintOptions) => {
      await checkPicture(options.out);
      const display = progressDisplay();
      const checkpoint = await openGaugan(options.model);
      try {
        const labels = await readMap(options.labels);
        const optional = async (file?: string) => (file === undefined ? undefined : readMap(file));
        const instances = await optional(options.instances);
        const edited = await optional(options.editedLabels);
        const editedInstances = (await optional(options.editedInstances)) ?? instances;
        if (options.editedInstances !== undefined && !edited)
          throw new UserError("--edited-instances needs --edited-labels, the labels that they belong to.");
        await withBackend(options, async ({ backend, reason }) => {
          const gaugan = lazyGaugan(checkpoint, backend);
          const map = labelMap(labels, instances, options, gaugan.config);
          const files = { labels: options.editedLabels ?? "", instances: options.editedInstances };
          const after = edited && labelMap(edited, editedInstances, files, gaugan.config);
          const watch = { signal, onProgress: display.onProgress };
          planesOf(map, gaugan);
          if (after) editedLabels(gaugan, map, after); // what must be refused is, before anything is loaded
          const started = performance.now();
          const repaint = after && (await repainted(gaugan, { before: map, after }, options.compare, watch));
          if (!repaint) await gaugan.load(watch);
          const loadMs = repaint?.report.ms.load ?? performance.now() - started;
          const image = repaint?.image ?? (await paintGaugan(gaugan, map, watch));
          const timings = { loadMs, paintMs: performance.now() - started - loadMs };
          gaugan.dispose();
          display.stop();
          await replaceFile(options.out, async (sink) => sink.write(encodePng(image)));
          const { width, height } = image;
          const { name, description } = backend;
          if (options.json) {
            const report = repaint && { report: editSummary(repaint.report) };
            const device = { name, description, reason };
            const result = { out: options.out, width, height, timings, ...report, backend: device };
            return console.log(asJson(result));
          }
          console.log([`${options.out}: ${width}×${height}`, ...(repaint ? editTable(repaint.report) : [])].join("\n"));
          console.log(
            `load ${timings.loadMs.toFixed(0)} ms, paint ${timings.paintMs.toFixed(0)} ms; ${description}; ${reason}`,
          );
        });
      } finally {
        display.stop();
        await checkpoint.close();
      }
    });
}

/** A picture of edited labels, painted by blocks over what the network made of the labels before. */
async function repainted(
  gaugan: Gaugan,
  { before, after }: { before: LabelMap; after: LabelMap },
  compare: boolean,
  watch: { signal: AbortSignal; onProgress: OnProgress },
): Promise<Repaint> {
  const session = await openPaintSession(gaugan, before, watch);
  try {
    return await session.edit({ map: after, compare, ...watch });
  } finally {
    session.dispose();
  }
}

function labelMap(
  labels: PixelMap,
  instances: PixelMap | undefined,
  files: Pick<PaintOptions, "labels" | "instances">,
  config: GauganConfig,
): LabelMap {
  const { label_nc } = config;
  const { width, height } = labels;
  const paints = gauganSize(config);
  if (width !== paints.width || height !== paints.height)
    throw new UserError(
      `${files.labels} is ${width}×${height}, but this model paints ${paints.width}×${paints.height}. Resize the map, without smoothing (nearest neighbour).`,
    );
  if (instances && (instances.width !== width || instances.height !== height))
    throw new UserError(
      `${files.instances} is ${instances.width}×${instances.height}, but ${files.labels} ${width}×${height}. They must agree.`,
    );
  const map = { width, height, instances: instances?.values };
  if (labels.kind === "numbers") return { ...map, labels: labels.values };
  if (label_nc !== 35)
    throw new UserError(
      `${files.labels} is in colour, but this model's ${label_nc} labels have no agreed colours. Save labels as grey values.`,
    );
  return {
    ...map,
    labels: Uint8Array.from(labels.values, (colour, i) => {
      const label = cityscapesLabel(colour);
      if (label >= 0) return label;
      const hex = `#${colour.toString(16).padStart(6, "0")}`;
      throw new UserError(
        `${files.labels}: ${hex} at column ${i % width}, row ${Math.floor(i / width)} is no colour of a Cityscapes label.`,
      );
    }),
  };
}
