import { countMacs, countParameters } from "@tessera/kernels";
import { architectures } from "@tessera/models";
import { experiment } from "./experiment.ts";
import { walk } from "./mobileDiffusionWalk.ts";
import { paperFigures } from "./paperFigures.ts";
import { exactly, measured, milliseconds } from "./rows.ts";
import type { PaperFigure, Row } from "./run.ts";
import { NetworkCostSchema, timeNetwork } from "./timeNetwork.ts";

const { table1, steps, decoders, textEncoder } = paperFigures.mobileDiffusion;

/** What the paper's notes say of a step, by its place in the walk. */
const said: Readonly<Record<number, { readonly efficiency?: PaperFigure; readonly parameters?: PaperFigure }>> = {
  1: steps.transformersInward,
  2: steps.noOuterSelfAttention,
  3: steps.sharedKeysAndValues,
  5: steps.narrowFeedForward,
  6: steps.separable,
  7: steps.fewerResidualBlocks,
};

const rebuilt = "the paper prints sums and no table of layers: this network is rebuilt from its words";

export const mobileDiffusionArchitecture = experiment({
  id: "mobilediffusion-architecture",
  question: "What does each step from Stable Diffusion 1.5's UNet to MobileDiffusion's save?",
  outcome: NetworkCostSchema,
  parts: () =>
    walk.map(({ title, graph }, step) => ({
      name: `${step} ${title}`,
      run: (laboratory) => timeNetwork(laboratory, step === 0 ? "sd15 unet" : `walk ${step}`, graph),
    })),
  tables(outcomes) {
    const costs = [...outcomes.values()];
    const counted = walk.map(({ graph: build }) => {
      const graph = build();
      return { parameters: countParameters(graph) / 1e6, macs: countMacs(graph).total / 1e9 };
    });
    const ends: Readonly<Record<number, { parameters: PaperFigure; macs: PaperFigure }>> = {
      0: table1.sd15,
      [walk.length - 1]: table1.mobileDiffusion,
    };
    const note = (step: number) => (step === 0 ? "the paper counts some other parts too, or by another rule" : rebuilt);
    const rows: Row[] = walk.flatMap(({ title }, step) => {
      const about = { subject: `${step}: ${title}`, keys: { step } };
      const { parameters, macs } = counted[step];
      const paper = ends[step];
      return [
        exactly({ ...about, quantity: "parameters", unit: "M" }, parameters, {
          paper: paper?.parameters,
          ...(paper && { note: note(step) }),
        }),
        exactly({ ...about, quantity: "multiply-adds", unit: "GMAC" }, macs, {
          paper: paper?.macs,
          ...(paper && { note: note(step) }),
        }),
        measured({ ...about, quantity: "one run", unit: "ms" }, milliseconds(costs[step].time)),
      ];
    });
    const savings: Row[] = walk.slice(1).flatMap(({ title }, i) => {
      const [before, after] = [counted[i], counted[i + 1]];
      const about = { subject: `${i + 1}: ${title}`, unit: "%", keys: { step: i + 1 } };
      const line = (quantity: string, value: number, paper: PaperFigure | undefined, note: string) =>
        exactly({ ...about, quantity }, 100 * value, { paper, ...(paper && { note }) });
      const { efficiency, parameters } = said[i + 1] ?? {};
      return [
        line(
          "multiply-adds saved",
          1 - after.macs / before.macs,
          efficiency,
          `${rebuilt}; the paper's efficiency may be of another base`,
        ),
        line("parameters saved", 1 - after.parameters / before.parameters, parameters, rebuilt),
      ];
    });
    const { vae_decoder, vae_decoder_lite, text_encoder } = architectures.mobilediffusion;
    const million = (subject: string, graph: Parameters<typeof countParameters>[0], paper: PaperFigure) =>
      exactly({ subject, quantity: "parameters", unit: "M" }, countParameters(graph) / 1e6, { paper, note: rebuilt });
    const parts: Row[] = [
      million("text encoder", text_encoder.graph(), textEncoder),
      million("decoder of Stable Diffusion", architectures.sd15.vae_decoder.graph(), decoders.sd),
      million("decoder", vae_decoder.graph(), decoders.ours),
      million("decoder, lite", vae_decoder_lite.graph(), decoders.lite),
    ];
    const lite = architectures["mobilediffusion-lite"].unet.graph();
    const liteRow = { subject: "MobileDiffusion-Lite", keys: { model: "mobilediffusion-lite" } };
    parts.push(
      exactly({ ...liteRow, quantity: "parameters", unit: "M" }, countParameters(lite) / 1e6, {
        paper: table1.mobileDiffusionLite.parameters,
        note: rebuilt,
      }),
      exactly({ ...liteRow, quantity: "multiply-adds", unit: "GMAC" }, countMacs(lite).total / 1e9, {
        paper: table1.mobileDiffusionLite.macs,
        note: rebuilt,
      }),
    );
    const [first, last] = [costs[0], costs.at(-1)!];
    const faster = first.time.medianMs / last.time.medianMs;
    const fewer = counted[0].macs / counted.at(-1)!.macs;
    return [
      {
        title: "The walk",
        rows,
        findings: [
          `From one end to the other, ${fewer.toFixed(2)} times fewer multiply-adds make one evaluation ${faster.toFixed(2)} times as fast here.`,
        ],
      },
      { title: "What each step saves", rows: savings },
      { title: "The other parts", rows: parts },
    ];
  },
});
