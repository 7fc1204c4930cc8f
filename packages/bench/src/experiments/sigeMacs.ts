import { countMacs, countParameters } from "@tessera/kernels";
import { architectures, compressedGaugan, gauganConfigs, gauganGraph } from "@tessera/models";
import * as v from "valibot";
import { countEdits } from "./countEdits.ts";
import { paperMasks, shapes, type Shape } from "./editMasks.ts";
import { paperNetworks, type PaperNetwork } from "./editNetworks.ts";
import { experiment } from "./experiment.ts";
import { paperFigures } from "./paperFigures.ts";
import { exactly } from "./rows.ts";
import type { PaperFigure, Row, Table } from "./run.ts";

const { sige, ganCompression } = paperFigures;
const billion = 1e9;

/** Why whole networks differ by less than half a percent. */
const counter = "the paper's counter adds element-wise products and norms, ours counts as papers on architectures do";

/** Multiply-adds of a network, whole and after edits. */
function count(network: PaperNetwork) {
  const { times = 1 } = network;
  const asked = network.edits.flatMap((edit) =>
    (Object.keys(shapes) as Shape[]).map((shape) => ({
      shape,
      edit: edit.percent,
      masks: paperMasks(network, edit, shape),
    })),
  );
  const { macs, edits } = countEdits(
    network,
    asked.map(({ masks }) => masks),
  );
  return {
    whole: times * macs,
    edits: asked.map(({ edit, shape }, i) => ({ edit, shape, macs: times * edits[i].macs })),
  };
}

export const sigeMacs = experiment({
  id: "sige-macs",
  question: "How many multiply-adds does an edit cost, when only its tiles are computed?",
  outcome: v.object({
    whole: v.number(),
    edits: v.array(v.object({ edit: v.number(), shape: v.picklist(["square", "scattered"]), macs: v.number() })),
  }),
  parts: () => paperNetworks.map((network) => ({ name: network.model, run: async () => count(network) })),
  tables(outcomes): Table[] {
    const gmac = { unit: "GMAC" };
    const whole: Row[] = [...outcomes].map(([model, outcome]) =>
      exactly({ ...gmac, subject: model, quantity: "whole network", keys: { model } }, outcome.whole / billion, {
        paper: (sige.macs as Record<string, PaperFigure>)[model],
        note: counter,
      }),
    );
    const others = [
      ...Object.entries({ "gaugan-cityscapes": "generator", "gaugan-coco": "generator" }).map(([model, part]) => ({
        model,
        graph: architectures[model][part].graph(),
        paper: ganCompression[model as "gaugan-coco"],
      })),
      ...(["32_32_32_48_32_24_24_32", "32_40_40_32_40_24_32_24", "32_32_48_32_32_32_32_24"] as const).map((config) => {
        // The last is the paper's own, of a network of 48 filters.
        const narrow = config.startsWith("32_32_48") ? { ngf: 48 } : {};
        return {
          model: `gan-compression ${config}`,
          graph: gauganGraph({ ...compressedGaugan(config), ...narrow }),
          paper: ganCompression[config],
        };
      }),
    ];
    const released: Row[] = others.flatMap(({ model, graph, paper }) => {
      const keys = { model };
      const note = "the release's counter and rounding differ from ours by less than one percent";
      return [
        exactly({ subject: model, quantity: "parameters", unit: "M", keys }, countParameters(graph) / 1e6, {
          paper: paper.parameters,
          note,
        }),
        exactly({ subject: model, quantity: "multiply-adds", unit: "GMAC", keys }, countMacs(graph).total / billion, {
          paper: paper.macs,
          note,
        }),
      ];
    });
    const small = gauganGraph(gauganConfigs["0.19"]);
    whole.push(
      exactly(
        { ...gmac, subject: "gaugan-0.19", quantity: "whole network", keys: { model: "gaugan-0.19" } },
        countMacs(small).total / billion,
        {
          paper: sige.macs["gaugan-0.19"],
          note: counter,
        },
      ),
    );
    const edits: Row[] = [...outcomes].flatMap(([model, outcome]) =>
      outcome.edits.map(({ edit, shape, macs }) => {
        const figures = (sige.sparseMacs as Record<string, Record<number, PaperFigure>>)[model];
        const keys = { model, edit, shape, saving: outcome.whole / macs };
        return exactly({ ...gmac, subject: `${model}, ${edit} %, ${shape}`, quantity: "edit", keys }, macs / billion, {
          paper: figures[edit],
          ...(figures[edit] && { note: "the paper's edits have other shapes, which are not published" }),
        });
      }),
    );
    const within = edits.filter(({ paper }) => paper).filter((_, i, all) => i % 2 === 0 && between(all[i], all[i + 1]));
    const compared = edits.filter(({ paper }) => paper).length / 2;
    const saving = (model: string, edit: number) => {
      const { whole: all, edits: own } = outcomes.get(model)!;
      const base = outcomes.get("gaugan-cityscapes")!.whole;
      const macs = own.find((one) => one.edit === edit && one.shape === "square")!.macs;
      return { alone: all / macs, stacked: base / macs };
    };
    const stacked = saving("gan-compression", 1.18);
    return [
      { title: "Whole networks", rows: whole },
      { title: "GauGAN and GAN Compression", rows: released },
      {
        title: "Edits",
        rows: edits,
        findings: [
          `Of ${compared} published counts, ${within.length} lie between those of the same area in one square and in nine: how an edit is spread matters as much as its size.`,
          `GAN Compression and sparsity multiply: an edit of 1.18 % costs ${stacked.alone.toFixed(1)} times less than the compressed network, and ${stacked.stacked.toFixed(0)} times less than the original (the paper: 50).`,
        ],
      },
    ];
  },
});

/** Whether the paper's count is between those of an edit in one piece and in nine. */
const between = (square: Row, scattered: Row) =>
  square.ours!.value <= square.paper!.value * 1.005 && square.paper!.value <= scattered.ours!.value * 1.005;
