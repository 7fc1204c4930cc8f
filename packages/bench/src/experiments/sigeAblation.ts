import { defaultOptions, type Options } from "@tessera/kernels";
import { sparsify } from "@tessera/sparse";
import * as v from "valibot";
import { TimeSchema, timeOf } from "../result.ts";
import { switches } from "../ablate.ts";
import { paperMasks } from "./editMasks.ts";
import { paperNetworks, type PaperNetwork } from "./editNetworks.ts";
import { experiment, type Laboratory } from "./experiment.ts";
import { openEdit } from "./openEdit.ts";
import { paperFigures } from "./paperFigures.ts";
import { exactly, measured, milliseconds } from "./rows.ts";
import type { PaperFigure, Row } from "./run.ts";

const network = (model: string): PaperNetwork => paperNetworks.find((one) => one.model === model)!;

/** Bytes of the original that a network's edits need: its states. */
function cache(one: PaperNetwork) {
  const { full, states } = sparsify(one.graph(one), one.options);
  return { states: states.length, bytes: states.reduce((sum, name) => sum + 4 * full.outputs.get(name)!.elements, 0) };
}

/** Times the smallest edit with one fusion off at a time, in turns with all on. */
async function fusions(one: PaperNetwork, laboratory: Laboratory) {
  const { quick, say } = laboratory;
  const opened = await openEdit(one, laboratory);
  try {
    const masks = paperMasks(one, one.edits[0], "square");
    const open = async (options: Options) => {
      const { plan, edit } = await opened.byBlocks({ options });
      const { run } = edit(masks);
      await run();
      return { plan, sample: run };
    };
    const base = await open(defaultOptions);
    const passes = switches(base.plan, () => true).filter(({ option }) => option.startsWith("passes."));
    const rows = [];
    for (const { option, apply } of passes) {
      say(`  ${one.model} without ${option}`);
      const other = await open(apply(defaultOptions));
      const [own, beside]: [number[], number[]] = [[], []];
      for (let i = 0; i < (quick ? 5 : 20); i++) {
        beside.push(await base.sample());
        own.push(await other.sample());
      }
      rows.push({ off: option, calls: other.plan.calls.length, time: timeOf(own), beside: timeOf(beside) });
    }
    return { calls: base.plan.calls.length, rows };
  } finally {
    opened.dispose();
  }
}

export const sigeAblation = experiment({
  id: "sige-ablation",
  question: "What is each fusion worth to an edit by blocks, and what does it cost to remember the original?",
  outcome: v.object({
    states: v.optional(v.number()),
    bytes: v.optional(v.number()),
    fusions: v.optional(
      v.object({
        calls: v.number(),
        rows: v.array(v.object({ off: v.string(), calls: v.number(), time: TimeSchema, beside: TimeSchema })),
      }),
    ),
  }),
  parts: ({ quick }) => [
    ...paperNetworks.map((one) => ({ name: `cache of ${one.model}`, run: async () => cache(one) })),
    ...(quick ? ["gan-compression"] : ["gan-compression", "gaugan-cityscapes", "ddpm-church-256"]).map((model) => ({
      name: `fusions of ${model}`,
      run: async (laboratory: Laboratory) => ({ fusions: await fusions(network(model), laboratory) }),
    })),
  ],
  tables(outcomes) {
    const caches: Row[] = [];
    const times: Row[] = [];
    const findings: string[] = [];
    for (const [part, { states, bytes, fusions: measurements }] of outcomes) {
      const model = part.replace(/^(cache|fusions) of /, "");
      if (bytes !== undefined) {
        const paper = (paperFigures.sige.cache as Record<string, PaperFigure>)[model];
        caches.push(
          exactly(
            { subject: model, quantity: `cache, ${states} tensors in float32`, unit: "MiB", keys: { model } },
            bytes / 2 ** 20,
            paper && {
              paper,
              note: "the released modules keep other tensors; ours keep what the rewritten graph reads, statistics and skips among it",
            },
          ),
        );
      }
      if (!measurements) continue;
      const edit = network(model).edits[0].percent;
      const about = (subject: string, off: string) => ({
        subject: `${model}, ${edit} %, ${subject}`,
        keys: { model, off },
      });
      times.push(exactly({ ...about("all fused", "none"), quantity: "calls", unit: "" }, measurements.calls));
      for (const { off, calls, time, beside } of measurements.rows) {
        const slower = time.medianMs / beside.medianMs;
        times.push(
          exactly({ ...about(`without ${off}`, off), quantity: "calls", unit: "" }, calls),
          measured({ ...about(`without ${off}`, off), quantity: "one run", unit: "ms" }, milliseconds(time)),
          measured(
            { ...about(`without ${off}`, off), quantity: "times as long as all fused, in turns", unit: "×" },
            { value: slower },
          ),
        );
        if (off === "passes.absorb")
          findings.push(
            `Without absorb, an edit of ${edit} % of ${model} takes ${slower.toFixed(2)} times as long, in ${calls} calls for ${measurements.calls}.`,
          );
      }
    }
    return [
      { title: "What must be remembered of the original", rows: caches },
      { title: "One fusion off", rows: times, findings },
    ];
  },
});
