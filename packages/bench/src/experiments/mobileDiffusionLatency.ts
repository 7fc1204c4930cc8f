import { countMacs, type Graph } from "@tessera/kernels";
import { architectures } from "@tessera/models";
import { experiment } from "./experiment.ts";
import { snapFusionSized, snapFusionSizedDecoder } from "./mobileDiffusionWalk.ts";
import { paperFigures } from "./paperFigures.ts";
import { measured, milliseconds } from "./rows.ts";
import type { Row } from "./run.ts";
import { sd15Components } from "./sd15Breakdown.ts";
import { NetworkCostSchema, timeNetwork } from "./timeNetwork.ts";

interface Model {
  readonly title: string;
  readonly paper: (typeof paperFigures.mobileDiffusion.devices)[keyof typeof paperFigures.mobileDiffusion.devices];
  /** By what `timeNetwork` knows them as, so that no network is timed twice in a process. */
  readonly unet: readonly [key: string, graph: () => Graph];
  readonly decoder: readonly [key: string, graph: () => Graph];
}

/** The text encoder is the same for all. */
const textEncoder = ["sd15 text_encoder", sd15Components.text_encoder.graph] as const;

const models: Readonly<Record<string, Model>> = {
  "sd-1.5": {
    title: "Stable Diffusion 1.5",
    paper: paperFigures.mobileDiffusion.devices["sd-1.5"],
    unet: ["sd15 unet", sd15Components.unet.graph],
    decoder: ["sd15 vae_decoder", sd15Components.vae_decoder.graph],
  },
  snapfusion: {
    title: "as large as SnapFusion",
    paper: paperFigures.mobileDiffusion.devices.snapfusion,
    unet: ["snapfusion-sized unet", snapFusionSized],
    decoder: ["snapfusion-sized decoder", snapFusionSizedDecoder],
  },
  mobilediffusion: {
    title: "MobileDiffusion",
    paper: paperFigures.mobileDiffusion.devices.mobilediffusion,
    unet: ["walk 7", () => architectures.mobilediffusion.unet.graph()],
    decoder: ["mobilediffusion decoder", () => architectures.mobilediffusion.vae_decoder_lite.graph()],
  },
};

/** Every network once, by its key. */
const networks = new Map([textEncoder, ...Object.values(models).flatMap(({ unet, decoder }) => [unet, decoder])]);

/** Evaluations of the UNet: distilled to one, to eight, and as trained. */
const steps = [1, 8, 50] as const;

const device = "the paper's is an iPhone 15 Pro; ours are these processors";

export const mobileDiffusionLatency = experiment({
  id: "mobilediffusion-latency",
  question: "How long does a picture take, from text encoder to decoder, by model and number of steps?",
  outcome: NetworkCostSchema,
  parts: () =>
    [...networks].map(([key, graph]) => ({ name: key, run: (laboratory) => timeNetwork(laboratory, key, graph) })),
  tables(outcomes) {
    const time = ([key]: readonly [string, () => Graph]) => outcomes.get(key)!.time;
    const parts: Row[] = [];
    const totals: Row[] = [];
    const relative: Row[] = [];
    const total = (model: Model, n: number) =>
      time(textEncoder).medianMs + time(model.decoder).medianMs + n * time(model.unet).medianMs;
    const base = models["sd-1.5"];
    for (const [model, { title: subject, paper, unet, decoder }] of Object.entries(models)) {
      const line = (part: string, network: Model["unet"], figure: typeof paper.unet) =>
        measured(
          { subject, quantity: part, unit: "ms", keys: { model, part, steps: 1 } },
          milliseconds(time(network)),
          { paper: figure, note: device },
        );
      parts.push(
        line("text encoder", textEncoder, paper.textEncoder),
        line("decoder", decoder, paper.decoder),
        line("UNet, one step", unet, paper.unet),
      );
      for (const n of steps)
        totals.push(
          measured(
            {
              subject,
              quantity: `picture of ${n} step${n > 1 ? "s" : ""}`,
              unit: "ms",
              keys: { model, part: "total", steps: n },
            },
            { value: total(models[model], n) },
            {
              paper: paper.totals[n],
              note: "text encoder + decoder + steps × UNet, each as measured, without guidance",
            },
          ),
        );
      if (model === "sd-1.5") continue;
      const of = (part: string, ours: number, paperRatio: number, source: typeof paper.unet): Row =>
        measured(
          { subject: `${subject}, over Stable Diffusion 1.5`, quantity: part, unit: "×", keys: { model, part } },
          { value: ours },
          { paper: { ...source, value: paperRatio, unit: "×" } },
        );
      relative.push(
        of(
          "UNet",
          time(base.unet).medianMs / time(unet).medianMs,
          base.paper.unet.value / paper.unet.value,
          paper.unet,
        ),
        of(
          "decoder",
          time(base.decoder).medianMs / time(decoder).medianMs,
          base.paper.decoder.value / paper.decoder.value,
          paper.decoder,
        ),
        of(
          "picture of 8 steps",
          total(base, 8) / total(models[model], 8),
          base.paper.totals[8].value / paper.totals[8].value,
          paper.totals[8],
        ),
      );
    }
    const macs = (graph: Graph) => countMacs(graph).total;
    const fewer = macs(base.unet[1]()) / macs(models.mobilediffusion.unet[1]());
    const faster = time(base.unet).medianMs / time(models.mobilediffusion.unet).medianMs;
    return [
      { title: "Parts", rows: parts },
      { title: "Whole pictures", rows: totals },
      {
        title: "How many times as fast as Stable Diffusion 1.5",
        rows: relative,
        findings: [
          `MobileDiffusion's UNet has ${fewer.toFixed(1)} times fewer multiply-adds than Stable Diffusion's and is ${faster.toFixed(1)} times as fast here; on the phone it is ${(base.paper.unet.value / models.mobilediffusion.paper.unet.value).toFixed(1)} times, so there more than multiply-adds was saved.`,
        ],
      },
    ];
  },
});
