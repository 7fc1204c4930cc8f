import { countMacs, planFor, type Graph } from "@tessera/kernels";
import { nullBackend } from "@tessera/kernels/null";
import { architectures } from "@tessera/models";
import { median } from "../stats.ts";
import { experiment } from "./experiment.ts";
import { snapFusionSized, snapFusionSizedDecoder } from "./mobileDiffusionWalk.ts";
import { paperFigures } from "./paperFigures.ts";
import { measured, milliseconds, predicted } from "./rows.ts";
import type { PaperFigure, Row } from "./run.ts";
import { sd15Components } from "./sd15Breakdown.ts";
import { NetworkCostSchema, timeNetwork } from "./timeNetwork.ts";

/** Every network, under the key by which `timeNetwork` knows it. */
const networks: Readonly<Record<string, () => Graph>> = {
  "sd15 text_encoder": sd15Components.text_encoder.graph,
  "sd15 unet": sd15Components.unet.graph,
  "sd15 vae_decoder": sd15Components.vae_decoder.graph,
  "snapfusion-sized unet": snapFusionSized,
  "snapfusion-sized decoder": snapFusionSizedDecoder,
  "walk 7": () => architectures.mobilediffusion.unet.graph(),
  "mobilediffusion decoder": () => architectures.mobilediffusion.vae_decoder_lite.graph(),
};
const titles: Readonly<Record<string, string>> = {
  "sd15 text_encoder": "text encoder",
  "sd15 unet": "Stable Diffusion's UNet",
  "sd15 vae_decoder": "Stable Diffusion's decoder",
  "walk 7": "MobileDiffusion's UNet",
  "mobilediffusion decoder": "MobileDiffusion's decoder",
  "snapfusion-sized unet": "UNet as large as SnapFusion's",
  "snapfusion-sized decoder": "decoder as large as SnapFusion's",
};

const { mobileDiffusion, snapFusion } = paperFigures;
const { "sd-1.5": sd, mobilediffusion: md } = mobileDiffusion.devices;

/** Published times by device and network. */
const published: Readonly<Record<string, Readonly<Record<string, PaperFigure>>>> = {
  "iPhone 15 Pro": {
    "sd15 text_encoder": sd.textEncoder,
    "sd15 unet": sd.unet,
    "sd15 vae_decoder": sd.decoder,
    "walk 7": md.unet,
    "mobilediffusion decoder": md.decoder,
  },
  "iPhone 14 Pro": {
    "sd15 text_encoder": snapFusion.sd15.textEncoder,
    "sd15 unet": snapFusion.sd15.unet,
    "sd15 vae_decoder": snapFusion.sd15.decoder,
    "snapfusion-sized unet": snapFusion.snapFusion.unet,
    "snapfusion-sized decoder": snapFusion.snapFusion.decoder,
  },
};

/** What the model knows of a network. */
interface Work {
  /** In thousands of millions. */
  readonly macs: number;
  /** Millions of bytes that are read and written: weights and every layer's operands and result, as half floats. */
  readonly megabytes: number;
}

/** Counted after fusion, as a device would run it; attention's logits are written and read once, as phones do. */
function workOf(graph: Graph): Work {
  const backend = nullBackend();
  const plan = planFor(graph, backend);
  let numbers = 0;
  for (const { node } of plan.calls) {
    numbers += node.elements + node.reads.reduce((sum, t) => sum + t.elements, 0);
    if (node.op.name === "attention") {
      const { n, t, s } = node.op.dims(node);
      numbers += 2 * n * t * s * (node.attrs.heads as number);
    }
  }
  return { macs: countMacs(graph).total / 1e9, megabytes: (2 * numbers) / 1e6 };
}

/** Milliseconds per unit of each kind of work. */
interface Device {
  readonly perMacs: number;
  readonly perMegabyte: number;
}

/**
 * The device for which work and times agree best: least squares of relative errors, neither cost below zero. Time is
 * taken to be the sum of both, as on a device that overlaps nothing.
 */
export function fitDevice(samples: readonly (Work & { readonly ms: number })[]): Device {
  const rows = samples.map(({ macs, megabytes, ms }) => [macs / ms, megabytes / ms] as const);
  const sum = (f: (row: readonly [number, number]) => number) => rows.reduce((all, row) => all + f(row), 0);
  const [aa, ab, bb, a, b] = [sum(([x]) => x * x), sum(([x, y]) => x * y), sum(([, y]) => y * y), sum(([x]) => x), sum(([, y]) => y)]; // prettier-ignore
  const determinant = aa * bb - ab * ab;
  const both = { perMacs: (a * bb - b * ab) / determinant, perMegabyte: (b * aa - a * ab) / determinant };
  if (determinant > 1e-12 * aa * bb && both.perMacs >= 0 && both.perMegabyte >= 0) return both;
  const alone = [
    { perMacs: a / aa, perMegabyte: 0 },
    { perMacs: 0, perMegabyte: b / bb },
  ];
  const error = (device: Device) =>
    rows.reduce((all, [x, y]) => all + (x * device.perMacs + y * device.perMegabyte - 1) ** 2, 0);
  return alone.toSorted((one, other) => error(one) - error(other))[0];
}

export const predictMs = ({ macs, megabytes }: Work, { perMacs, perMegabyte }: Device): number =>
  macs * perMacs + megabytes * perMegabyte;

export const phonePrediction = experiment({
  id: "phone-prediction",
  question: "How well do counted multiply-adds and bytes predict a device's time for a network it has not run?",
  outcome: NetworkCostSchema,
  parts: () =>
    Object.entries(networks).map(([key, graph]) => ({
      name: key,
      run: (laboratory) => timeNetwork(laboratory, key, graph),
    })),
  tables(outcomes) {
    const work = Object.fromEntries(Object.entries(networks).map(([key, graph]) => [key, workOf(graph())]));
    const errors: Record<string, number[]> = {};
    /** Each network of a device from the others'. */
    const without = (device: string, times: Readonly<Record<string, number>>) =>
      Object.keys(times).map((key) => {
        const others = Object.keys(times).filter((other) => other !== key);
        const fitted = fitDevice(others.map((other) => ({ ...work[other], ms: times[other] })));
        const value = predictMs(work[key], fitted);
        (errors[device] ??= []).push(Math.abs(Math.log(value / times[key])));
        return { key, value };
      });
    const phones: Row[] = Object.entries(published).flatMap(([device, figures]) =>
      without(device, Object.fromEntries(Object.entries(figures).map(([key, { value }]) => [key, value]))).map(
        ({ key, value }) =>
          predicted(
            { subject: `${device}: ${titles[key]}`, quantity: "one run", unit: "ms", keys: { device, model: key } },
            value,
            {
              paper: figures[key],
              note: "from the device's other networks alone",
            },
          ),
      ),
    );
    const here: Row[] = [];
    const times = Object.fromEntries([...outcomes].map(([key, { time }]) => [key, time.medianMs]));
    for (const { key, value } of without("here", times)) {
      const about = { subject: titles[key], unit: "ms", keys: { device: "here", model: key } };
      here.push(
        measured({ ...about, quantity: "one run" }, milliseconds(outcomes.get(key)!.time)),
        predicted({ ...about, quantity: "from the other networks alone" }, value, {
          note: `${(value / times[key]).toFixed(2)} of what was measured`,
        }),
      );
    }
    const fits: Row[] = [
      ...Object.entries(published).map(([device, figures]) => ({
        device,
        samples: Object.entries(figures).map(([key, { value }]) => ({ ...work[key], ms: value })),
      })),
      { device: "here", samples: Object.entries(times).map(([key, ms]) => ({ ...work[key], ms })) },
    ].flatMap(({ device, samples }) => {
      const { perMacs, perMegabyte } = fitDevice(samples);
      const rate = (perUnit: number) => (perUnit > 0 ? 1 / perUnit : 0);
      const note = "fitted to all of its networks; 0 where this cost does not show";
      const keys = { device };
      return [
        predicted({ subject: device, quantity: "multiply-adds per second", unit: "GMAC/ms", keys }, rate(perMacs), {
          note,
        }),
        predicted({ subject: device, quantity: "bytes per second", unit: "GB/s", keys }, rate(perMegabyte), { note }),
      ];
    });
    const typical = (device: string) => `${((Math.exp(median(errors[device])) - 1) * 100).toFixed(0)} %`;
    return [
      { title: "Published times, predicted from the same device's others", rows: phones },
      { title: "The same, checked here", rows: here },
      {
        title: "The devices as the model sees them",
        rows: fits,
        findings: [
          `A network's time is predicted here to a typical factor of ${typical("here")}, on the phones to ${Object.keys(
            published,
          )
            .map((device) => `${typical(device)} (${device})`)
            .join(" and ")}: an order of magnitude, no measurement.`,
        ],
      },
    ];
  },
});
