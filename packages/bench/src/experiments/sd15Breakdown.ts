import { countMacs, countParameters, type Graph, type Tensor } from "@tessera/kernels";
import { componentGraph, sd15 } from "@tessera/models";
import { experiment } from "./experiment.ts";
import { paperFigures } from "./paperFigures.ts";
import { exactly, measured, milliseconds } from "./rows.ts";
import type { PaperFigure, Row } from "./run.ts";
import { NetworkCostSchema, timeNetwork } from "./timeNetwork.ts";

const { snapFusion, mobileDiffusion } = paperFigures;

interface Component {
  readonly title: string;
  graph(): Graph;
  readonly parameters: PaperFigure;
  readonly macs?: PaperFigure;
  readonly phone: PaperFigure;
}

/** Stable Diffusion 1.5's networks for one picture of 512×512, one evaluation each. */
export const sd15Components: Readonly<Record<string, Component>> = {
  text_encoder: {
    title: "text encoder",
    graph: () => componentGraph({ component: "text_encoder", config: sd15.text_encoder }),
    parameters: snapFusion.sd15.textEncoderParameters,
    phone: snapFusion.sd15.textEncoder,
  },
  unet: {
    title: "UNet",
    graph: () => componentGraph({ component: "unet", config: sd15.unet }),
    parameters: snapFusion.sd15.unetParameters,
    macs: mobileDiffusion.table1.sd15.macs,
    phone: snapFusion.sd15.unet,
  },
  vae_decoder: {
    title: "VAE decoder",
    graph: () => componentGraph({ component: "vae_decoder", config: sd15.vae }),
    parameters: snapFusion.sd15.decoderParameters,
    phone: snapFusion.sd15.decoder,
  },
};

/** The kinds of work that multiply-adds are spent on. */
function kindOf({ op, inputs }: Tensor): string {
  if (op.name === "conv2d") return inputs.weight.shape[2] === 3 ? "3×3 convolutions" : "1×1 convolutions";
  return { linear: "linear layers", attention: "attention products" }[op.name] ?? op.name;
}

export const sd15Breakdown = experiment({
  id: "sd15-breakdown",
  question: "What does each network of Stable Diffusion 1.5 cost, and where does the work lie?",
  outcome: NetworkCostSchema,
  parts: () =>
    Object.entries(sd15Components).map(([component, { graph }]) => ({
      name: component,
      run: (laboratory) => timeNetwork(laboratory, `sd15 ${component}`, graph),
    })),
  tables(outcomes) {
    const costs: Row[] = [];
    const kinds: Row[] = [];
    for (const [component, { title: subject, graph: build, parameters, macs, phone }] of Object.entries(
      sd15Components,
    )) {
      const graph = build();
      const { time, weightBytes, activationBytes } = outcomes.get(component)!;
      const { total } = countMacs(graph);
      const about = { subject, keys: { component } };
      const count = countParameters(graph);
      const half = 2 ** 20;
      costs.push(
        exactly({ ...about, quantity: "parameters", unit: "M" }, count / 1e6, {
          paper: parameters,
          note: "the paper prints tens of millions",
        }),
        exactly({ ...about, quantity: "multiply-adds", unit: "GMAC" }, total / 1e9, {
          paper: macs,
          ...(macs && { note: "the paper's rule is not printed; without attention's products it would be 338.6" }),
        }),
        exactly({ ...about, quantity: "weights as half floats", unit: "MiB" }, (2 * count) / half),
        exactly({ ...about, quantity: "weights as packed here", unit: "MiB" }, weightBytes / half),
        exactly({ ...about, quantity: "activations, sharing memory", unit: "MiB" }, activationBytes / half),
        measured({ ...about, quantity: "one run", unit: "ms" }, milliseconds(time), {
          paper: phone,
          note: "the paper's is a phone's GPU or neural engine",
        }),
        measured({ ...about, quantity: "rate", unit: "GFLOPS" }, { value: (2 * total) / time.medianMs / 1e6 }),
      );
      const byKind = new Map<string, number>();
      for (const t of graph.nodes) byKind.set(kindOf(t), (byKind.get(kindOf(t)) ?? 0) + t.op.macs(t));
      for (const [kind, spent] of [...byKind].sort((a, b) => b[1] - a[1]))
        if (spent)
          kinds.push(
            exactly(
              { subject, quantity: kind, unit: "GMAC", keys: { component, kind, share: spent / total } },
              spent / 1e9,
            ),
          );
    }
    const ms = (component: string) => outcomes.get(component)!.time.medianMs;
    const steps = 20;
    const sampling = 2 * steps * ms("unet");
    const all = ms("text_encoder") * 2 + sampling + ms("vae_decoder");
    return [
      {
        title: "Stable Diffusion 1.5 at 512×512",
        rows: costs,
        findings: [
          `Of a guided picture of ${steps} steps, the UNet is ${((100 * sampling) / all).toFixed(0)} % of the time here.`,
        ],
      },
      { title: "Where the multiply-adds are", rows: kinds },
    ];
  },
});
