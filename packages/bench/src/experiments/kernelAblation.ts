import { defaultOptions, KernelError, planFor, type Graph, type Options } from "@tessera/kernels";
import { componentGraph, sd15 } from "@tessera/models";
import * as v from "valibot";
import { ablate, switches } from "../ablate.ts";
import { outerUnet } from "../outerUnet.ts";
import { randomInputs, randomWeights } from "../randomNumbers.ts";
import { AblationRowSchema, type AblationRow } from "../result.ts";
import { experiment, type Laboratory, type Settings } from "./experiment.ts";
import { paperFigures } from "./paperFigures.ts";
import { exactly, impossible, measured, milliseconds } from "./rows.ts";
import type { Row } from "./run.ts";

const { table2 } = paperFigures.speed;
const mebi = 2 ** 20;

/** Stable Diffusion 1.5's UNet at 512×512. */
const unet = () => componentGraph({ component: "unet", config: sd15.unet });

/** What is timed: the UNet itself, or, to be quick, its three outer levels at half the width, for 256×256. */
const timed = ({ quick }: Settings): Graph => (quick ? outerUnet(3) : unet());

interface Memory {
  readonly option: string;
  readonly activationBytes: number;
  readonly weightBytes: number;
  readonly calls: number;
}

/** What plans of the UNet take with one optimisation off at a time: nothing is run, so it is the real one. */
function memory({ backend }: Laboratory): Memory[] {
  const graph = unet();
  const planned = (options: Options) => planFor(graph, backend, options, () => "f16");
  const replannable = (options: Options) => {
    try {
      planned(options);
      return true;
    } catch (error) {
      if (error instanceof KernelError) return false;
      throw error;
    }
  };
  const all = planned(defaultOptions);
  const found = switches(all, replannable);
  const off = found
    .filter(({ option }) => option !== "dtype.weights")
    .reduce((options, { apply }) => (replannable(apply(options)) ? apply(options) : options), defaultOptions);
  const row = (option: string, { memory, weightBytes, calls }: ReturnType<typeof planned>): Memory => ({
    option,
    activationBytes: memory.bytes,
    weightBytes,
    calls: calls.length,
  });
  // A storage type that weights have already changes nothing.
  const changing = found.filter(
    ({ option, apply }) => option !== "dtype.weights" || planned(apply(defaultOptions)).weightBytes !== all.weightBytes,
  );
  return [
    row("all", all),
    ...changing.map(({ option, setting, apply }) =>
      row(option === "dtype.weights" ? `${option} ${setting}` : option, planned(apply(defaultOptions))),
    ),
    row("none", planned(off)),
  ];
}

async function latency(laboratory: Laboratory): Promise<AblationRow[]> {
  const { backend, quick, signal, say } = laboratory;
  const graph = timed(laboratory);
  const settings = {
    backend,
    weights: randomWeights(graph),
    inputs: randomInputs(graph),
    repeat: quick ? 2 : 5,
    alone: true,
    signal,
  };
  const rows: AblationRow[] = [];
  for await (const row of ablate(graph, { ...settings, onProgress: (what) => say(`  ${what}`) })) rows.push(row);
  return rows;
}

export const kernelAblation = experiment({
  id: "kernel-ablation",
  question: "What is each optimisation worth: time, memory of tensors, memory of weights?",
  outcome: v.object({
    memory: v.optional(
      v.array(
        v.object({ option: v.string(), activationBytes: v.number(), weightBytes: v.number(), calls: v.number() }),
      ),
    ),
    latency: v.optional(v.array(AblationRowSchema)),
  }),
  parts: () => [
    { name: "memory", run: async (laboratory) => ({ memory: memory(laboratory) }) },
    { name: "latency", run: async (laboratory) => ({ latency: await latency(laboratory) }) },
  ],
  tables(outcomes, settings) {
    const plans = outcomes.get("memory")!.memory!;
    const times = outcomes.get("latency")!.latency!;
    const of = <T extends { readonly option: string }>(rows: readonly T[], option: string): T =>
      rows.find((row) => row.option === option)!;
    const network = settings.quick ? "the UNet's three outer levels at half width, 256×256" : "the UNet at 512×512";
    const name = (option: string) =>
      option === "all" ? "everything on" : option === "none" ? "everything off" : `without ${option}`;

    const [on, off] = [of(plans, "all"), of(plans, "none")];
    const ends: Row[] = [
      exactly(
        { subject: "everything off", quantity: "tensors", unit: "MiB", keys: { option: "none" } },
        off.activationBytes / mebi,
        {
          paper: table2.baseline.tensors,
          note: "ours are float32 and share no memory; the paper's baseline shares it",
        },
      ),
      exactly(
        { subject: "everything on", quantity: "tensors", unit: "MiB", keys: { option: "all" } },
        on.activationBytes / mebi,
        {
          paper: table2.all.tensors,
          note: "ours are float32, but attention's logits are never in memory",
        },
      ),
      exactly(
        { subject: "everything off", quantity: "weights", unit: "MiB", keys: { option: "none" } },
        off.weightBytes / mebi,
        {
          paper: table2.baseline.weights,
          note: "the plain kernels read float32",
        },
      ),
      exactly(
        { subject: "everything on", quantity: "weights", unit: "MiB", keys: { option: "all" } },
        on.weightBytes / mebi,
        {
          paper: table2.all.weights,
          note: "our Winograd kernels transform weights as they run, so they take no more memory",
        },
      ),
      measured(
        { subject: "everything on, over everything off", quantity: "time saved", unit: "%", keys: { option: "all" } },
        { value: 100 * (1 - 1 / of(times, "none").without.slowdown) },
        { paper: table2.reduction.s23, note: `on ${network}; the paper's is a Samsung S23 Ultra's GPU` },
      ),
      impossible(
        { subject: "everything off", quantity: "one evaluation on a Samsung S23 Ultra", unit: "ms" },
        "the phone",
        { paper: table2.baseline.s23 },
      ),
      impossible(
        { subject: "everything on", quantity: "one evaluation on a Samsung S23 Ultra", unit: "ms" },
        "the phone",
        { paper: table2.all.s23 },
      ),
      impossible(
        { subject: "everything off", quantity: "one evaluation on an iPhone 14 Pro Max", unit: "ms" },
        "the phone",
        { paper: table2.baseline.iPhone14ProMax },
      ),
      impossible(
        { subject: "everything on", quantity: "one evaluation on an iPhone 14 Pro Max", unit: "ms" },
        "the phone",
        { paper: table2.all.iPhone14ProMax },
      ),
    ];
    const space: Row[] = plans.flatMap(({ option, activationBytes, weightBytes, calls }) => {
      const about = { subject: name(option), keys: { option } };
      return [
        exactly({ ...about, quantity: "tensors", unit: "MiB" }, activationBytes / mebi),
        exactly({ ...about, quantity: "weights", unit: "MiB" }, weightBytes / mebi),
        exactly({ ...about, quantity: "calls", unit: "" }, calls),
      ];
    });
    const time: Row[] = times.flatMap(({ option, setting, without, alone }) => {
      const about = {
        subject: `${name(option)}${option.startsWith("dtype") ? ` (${setting})` : ""}`,
        keys: { option },
      };
      return [
        measured({ ...about, quantity: "one run", unit: "ms" }, milliseconds(without.time)),
        measured(
          { ...about, quantity: "times as long as with everything on, in turns", unit: "×" },
          { value: without.slowdown },
        ),
        ...(alone
          ? [
              measured(
                { ...about, subject: `${option} alone`, quantity: "times as fast as with everything off", unit: "×" },
                { value: alone.speedup },
              ),
            ]
          : []),
      ];
    });
    const costliest = times
      .filter(({ option }) => !["all", "none"].includes(option))
      .toSorted((a, b) => b.without.slowdown - a.without.slowdown)[0];
    return [
      { title: "Ends, beside the paper", rows: ends },
      { title: "Memory of the UNet at 512×512, one optimisation off at a time", rows: space },
      {
        title: `Time of ${network}`,
        rows: time,
        findings: [
          `Most is lost without ${costliest.option}: the run takes ${costliest.without.slowdown.toFixed(2)} times as long.`,
          `All together make it ${of(times, "none").without.slowdown.toFixed(2)} times as fast as none.`,
        ],
      },
    ];
  },
});
