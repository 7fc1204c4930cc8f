import * as v from "valibot";
import { TimeSchema } from "../result.ts";
import { paperMasks } from "./editMasks.ts";
import { paperNetworks, type PaperNetwork } from "./editNetworks.ts";
import { experiment, type Laboratory } from "./experiment.ts";
import { paperFigures } from "./paperFigures.ts";
import { impossible, measured, milliseconds } from "./rows.ts";
import type { PaperFigure, Row } from "./run.ts";
import { timeEdits } from "./timeEdits.ts";

const { speedups } = paperFigures.sige;

/** To be quick, only these. */
const quickly = ["ddpm-church-256", "pd-church-128", "gaugan-cityscapes", "gan-compression"];

/** Times a network as a whole and by blocks, on random numbers: the original is recorded once. */
async function measure(network: PaperNetwork, laboratory: Laboratory) {
  const masks = network.edits.map((edit) => paperMasks(network, edit, "square"));
  const { macs, time, edits } = await timeEdits(network, masks, { ...laboratory, rounds: laboratory.quick ? 2 : 7 });
  return { macs, time, edits: edits.map((edit, i) => ({ edit: network.edits[i].percent, ...edit })) };
}

export const sigeLatency = experiment({
  id: "sige-latency",
  question: "How much faster is an edit, when only its tiles are computed?",
  outcome: v.object({
    macs: v.number(),
    time: TimeSchema,
    edits: v.array(v.object({ edit: v.number(), macs: v.number(), time: TimeSchema })),
  }),
  parts: ({ quick }) =>
    paperNetworks
      .filter(({ model }) => !quick || quickly.includes(model))
      .map((network) => ({ name: network.model, run: (laboratory) => measure(network, laboratory) })),
  tables(outcomes) {
    const rows: Row[] = [];
    const faster: Row[] = [];
    const shares: number[] = [];
    for (const { model, edits } of paperNetworks) {
      const outcome = outcomes.get(model);
      if (!outcome) {
        rows.push(
          impossible(
            { subject: model, quantity: "one run", unit: "ms", keys: { model } },
            "a full run, which takes longer than --quick may",
          ),
        );
        continue;
      }
      rows.push(
        measured(
          { subject: model, quantity: "whole", unit: "ms", keys: { model, edit: 100 } },
          milliseconds(outcome.time),
        ),
      );
      for (const [i, { edit, macs, time }] of outcome.edits.entries()) {
        const keys = { model, edit };
        const subject = `${model}, ${edit} %`;
        const [speedup, fewer] = [outcome.time.medianMs / time.medianMs, outcome.macs / macs];
        shares.push(speedup / fewer);
        rows.push(measured({ subject, quantity: "edit", unit: "ms", keys }, milliseconds(time)));
        const published = (speedups as Record<string, Record<number, { cpu: PaperFigure; gpu: PaperFigure }>>)[model]?.[
          edits[i].percent
        ];
        const stacked = model === "gan-compression" && outcomes.get("gaugan-cityscapes");
        const note = `${fewer.toFixed(1)}× fewer multiply-adds; the mask is a square`;
        const about = { unit: "×", keys: { ...keys, fewer } };
        if (!stacked)
          faster.push(
            measured(
              { ...about, subject, quantity: "times as fast" },
              { value: speedup },
              { paper: published?.cpu, note },
            ),
          );
        else
          faster.push(
            measured(
              { ...about, subject, quantity: "times as fast as the compressed network" },
              { value: speedup },
              { note },
            ),
            measured(
              { ...about, subject, quantity: "times as fast as GauGAN" },
              { value: stacked.time.medianMs / time.medianMs },
              { paper: published?.cpu, note: `${(stacked.macs / macs).toFixed(1)}× fewer multiply-adds than GauGAN` },
            ),
          );
      }
    }
    const percent = (share: number) => `${Math.round(100 * share)} %`;
    return [
      { title: "Time of one evaluation", rows },
      {
        title: "Speed-up, beside the paper's on an M1 Pro's processor",
        rows: faster,
        findings: [
          `Of what the multiply-adds promise, ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))} arrives as time.`,
        ],
      },
    ];
  },
});
