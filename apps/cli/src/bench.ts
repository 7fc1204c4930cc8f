import { availableParallelism } from "node:os";
import {
  ablate,
  agreementInHalves,
  cachedOps,
  limitsOf,
  machine,
  opSubject,
  outerUnet,
  profile,
  randomInputs,
  randomWeights,
  sd15Ops,
  smallOps,
  standings,
  type Ablation,
  type AblationRow,
  type Case,
  type Comparison,
  type Edits,
  type EditsRow,
  type EngineRow,
  type Limits,
  type Machine,
  type Profile,
  type ProfileRow,
  type Standing,
  type Subject,
} from "@tessera/bench";
import { countEdits, editMasks, editNetworks, timeEdits } from "@tessera/bench/experiments";
import { compare, peerNames, type PeerName } from "@tessera/bench/node";
import { countParameters, defaultOptions, without, type Backend, type Graph, type Options } from "@tessera/kernels";
import { wasm } from "@tessera/kernels/wasm";
import { componentGraph, parseClipTextConfig, parseUNetConfig, parseVaeConfig, sd15, vaeFactor } from "@tessera/models";
import { components, partOf, type Component } from "@tessera/pipelines";
import { openCheckpoint } from "@tessera/pipelines/node";
import type { WeightSource } from "@tessera/safetensors";
import { Argument, InvalidArgumentError, Option, type Command } from "commander";
import { asJson } from "./asJson.ts";
import {
  command,
  dashed,
  number,
  pictureSize,
  wholeNumber,
  withBackend,
  type SharedOptions,
  type Surroundings,
} from "./options.ts";
import { UserError } from "./UserError.ts";

type What = "ops" | "unet" | "vae" | "ablate" | "edits";

interface BenchOptions extends SharedOptions {
  readonly component: Component;
  readonly size?: { width: number; height: number };
  readonly against: readonly PeerName[];
  readonly repeat: number;
  readonly filter: string;
  readonly small: boolean;
  readonly cached: boolean;
  readonly profile: boolean;
  readonly alone: boolean;
  readonly without: readonly string[];
  readonly shares?: readonly number[];
  readonly count: boolean;
}

/** The model whose shapes are known and whose weights are random. */
const randomModel = "sd15";

/** What each option is for, where it is not for all. */
const isFor: Partial<Record<keyof BenchOptions, readonly What[]>> = {
  against: ["ops", "unet", "vae"],
  size: ["unet", "vae", "ablate", "edits"],
  filter: ["ops", "ablate"],
  small: ["ops", "ablate"],
  cached: ["ops"],
  profile: ["unet", "vae"],
  without: ["ops", "unet", "vae"],
  alone: ["ablate"],
  component: ["ablate"],
  shares: ["edits"],
  count: ["edits"],
};

/** `tessera bench`: how fast, beside other engines, and what each optimisation is worth. */
export function benchCommand({ signal }: Surroundings): Command {
  const what: readonly What[] = ["ops", "unet", "vae", "ablate", "edits"];
  return command("bench", "time operators and networks beside other engines, or one optimisation at a time", {
    backend: "wasm",
  })
    .addArgument(new Argument("<what>", "what to time").choices(what))
    .argument(
      "[model...]",
      `checkpoint (default: ${randomModel}, Stable Diffusion 1.5 with random weights); edits: networks (default: all)`,
    )
    .addOption(
      new Option("--against <engines>", `ops, unet, vae: any of ${peerNames.join(",")}, or none`)
        .argParser(engines)
        .default([...peerNames], "all"),
    )
    .option(
      "--size <pixels>",
      "unet, vae, ablate, edits: the picture's size: 512, or 512x768 (default: what the model was trained at)",
      pictureSize,
    )
    .option("--repeat <n>", "samples of each engine, or rounds of edits; the median is printed", wholeNumber(1), 5)
    .addOption(
      new Option(
        "--filter <text>",
        "ops, ablate: only those whose name contains it, or one of several: conv3x3,GELU",
      ).default("", "all"),
    )
    .option(
      "--small",
      "ops: tiny ones, to see whether the engines run; ablate: the UNet's two outer levels at half their width",
      false,
    )
    .option("--cached", "ops: over few positions, which stay in the cache: what arithmetic alone takes", false)
    .option("--profile", "unet, vae: where our own time goes, by kernel and shapes", false)
    .addOption(
      new Option("--without <names>", "ops, unet, vae: ours with these optimisations off: winograd4,absorb")
        .argParser((text) => text.split(","))
        .default([], "none off"),
    )
    .option("--alone", "ablate: each optimisation alone as well, with all others off, which is slow", false)
    .option(
      "--shares <percents>",
      "edits: how much of the picture, such as 1.2,7.2 (default: 1.2; with --count eleven, up to 100)",
      percents,
    )
    .option("--count", "edits: multiply-adds alone; nothing runs", false)
    .addOption(new Option("--component <name>", "ablate: which network").choices(components).default("unet"))
    .action(async (chosen: What, models: readonly string[], options: BenchOptions, self: Command) => {
      for (const [option, those] of Object.entries(isFor))
        if (self.getOptionValueSource(option) === "cli" && !those.includes(chosen))
          self.error(`error: ${dashed(option)} is for bench ${those.join(", ")}, not ${chosen}`);
      if (chosen === "edits") return printEdits(models, options, signal);
      if (chosen === "ops" && models.length) self.error("error: bench ops is about operators, and takes no model");
      const [model = randomModel, ...more] = models;
      if (more.length) throw new UserError(`${chosen} takes one model, not ${models.length}: ${models.join(", ")}.`);
      await withBackend(options, ({ backend }) => {
        if (chosen === "ablate" && options.small && (model !== randomModel || options.component !== "unet"))
          throw new UserError(
            `--small is for the UNet of ${randomModel}: tessera bench ablate ${randomModel} --small.`,
          );
        if (chosen === "ablate") return printAblation(model, options, backend, signal);
        if (chosen !== "ops" && options.profile) return printProfile(chosen, model, options, backend, signal);
        return printComparison(chosen, model, options, backend, signal);
      });
    });
}

function engines(text: string): PeerName[] {
  const names = text === "none" ? [] : text.split(",");
  const unknown = names.filter((name) => !(peerNames as readonly string[]).includes(name));
  if (!unknown.length) return names as PeerName[];
  throw new InvalidArgumentError(`There is no ${unknown.join(", ")}. Known are ${peerNames.join(", ")}.`);
}

const percents = (text: string): number[] => text.split(",").map(number(0, 100));

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function printComparison(
  what: "ops" | "unet" | "vae",
  model: string,
  options: BenchOptions,
  backend: Backend,
  signal: AbortSignal,
): Promise<void> {
  const threads = options.threads ?? availableParallelism();
  const chosen = chosenOptions(options, backend);
  const at = await machine(backend.description);
  const { subjects, close } = what === "ops" ? opSubjects(options) : await networkSubjects(what, model, options);
  // Operators on WebGPU are held against our own WebAssembly too: at some sizes all other engines are wrong there.
  const reference = what === "ops" && backend.name === "webgpu" ? await wasm({ threads }) : undefined;
  const cases: Case[] = [];
  const limits = await limitsOf(backend, threads, options.small ? 1 : 12);
  if (!options.json) console.log(`${describeMachine(at)}\n${describeLimits(limits)}`);
  try {
    const settings = {
      backend,
      threads,
      against: options.against,
      repeat: options.repeat,
      limits,
      options: chosen,
      reference,
      signal,
      onProgress: say,
    };
    for await (const measured of compare(subjects, settings)) {
      cases.push(measured);
      if (!options.json) console.log(describeCase(measured, limits));
    }
  } finally {
    await reference?.dispose();
    await close();
  }
  const result: Comparison = { kind: "comparison", machine: at, limits, cases, standings: standings(cases) };
  if (options.json) console.log(asJson(result));
  else if (result.standings.length) console.log(`\ntimes:\n${result.standings.map(describeStanding).join("\n")}`);
}

interface Subjects {
  readonly subjects: readonly Subject[];
  close(): Promise<void>;
}

function opSubjects({ filter, small, cached }: BenchOptions): Subjects {
  const all = small ? smallOps : cached ? cachedOps : sd15Ops;
  const cases = all.filter(({ name }) => isNamed(name, filter));
  if (!cases.length)
    throw new UserError(`No operator's name contains "${filter}". They are: ${all.map((c) => c.name).join(", ")}.`);
  return { subjects: cases.map(opSubject), close: async () => {} };
}

const isNamed = (name: string, filter: string): boolean => filter.split(",").some((part) => name.includes(part));

async function networkSubjects(what: "unet" | "vae", model: string, { size }: BenchOptions): Promise<Subjects> {
  const component = what === "unet" ? "unet" : "vae_decoder";
  const { graph, weights, close } = await openNetwork(model, component, size);
  const [, , height, width] = [...graph.inputs.values()][0].shape;
  const name = `${model} ${component}, latents ${height}x${width}`;
  return { subjects: [{ name, graph, weights, inputs: randomInputs(graph), isOp: false }], close };
}

interface Network {
  readonly graph: Graph;
  readonly weights: WeightSource;
  close(): Promise<void>;
}

/** One network of a checkpoint, or of Stable Diffusion 1.5 with random weights. */
async function openNetwork(model: string, component: Component, size: BenchOptions["size"]): Promise<Network> {
  const checkpoint = model === randomModel ? undefined : await openCheckpoint(model);
  const unet = checkpoint ? parseUNetConfig(await checkpoint.config("unet")) : sd15.unet;
  const vae = checkpoint ? parseVaeConfig(await checkpoint.config("vae")) : sd15.vae;
  const factor = vaeFactor(vae);
  const latents = {
    height: Math.ceil((size?.height ?? unet.sample_size * factor) / factor),
    width: Math.ceil((size?.width ?? unet.sample_size * factor) / factor),
  };
  const pixels = { height: latents.height * factor, width: latents.width * factor };
  let graph: Graph;
  if (component === "text_encoder") {
    const config = checkpoint ? parseClipTextConfig(await checkpoint.config("text_encoder")) : sd15.text_encoder;
    graph = componentGraph({ component, config });
  } else if (component === "unet") graph = componentGraph({ component, config: unet }, latents);
  else graph = componentGraph({ component, config: vae }, component === "vae_encoder" ? pixels : latents);
  return {
    graph,
    weights: checkpoint ? await checkpoint.weights(partOf(component)) : randomWeights(graph),
    close: async () => checkpoint?.close(),
  };
}

function openSmallUnet(size: BenchOptions["size"]): Network {
  const factor = vaeFactor(sd15.vae);
  const latents = size && { height: Math.ceil(size.height / factor), width: Math.ceil(size.width / factor) };
  const graph = outerUnet(2, latents);
  return { graph, weights: randomWeights(graph), close: async () => {} };
}

async function printAblation(
  model: string,
  { component, size, small, repeat, alone, filter, json }: BenchOptions,
  backend: Backend,
  signal: AbortSignal,
): Promise<void> {
  const at = await machine(backend.description);
  const only = (option: string) => isNamed(option, filter);
  const { graph, weights, close } = small ? openSmallUnet(size) : await openNetwork(model, component, size);
  const rows: AblationRow[] = [];
  try {
    if (!json) console.log(`${describeMachine(at)}\n${ablationHead}`);
    const settings = { backend, weights, inputs: randomInputs(graph), repeat, alone, only, signal, onProgress: say };
    for await (const row of ablate(graph, settings)) {
      rows.push(row);
      if (!json) console.log(describeAblation(row));
    }
  } finally {
    await close();
  }
  const result: Ablation = {
    kind: "ablation",
    machine: at,
    model: `${model} ${component}${small ? ", its two outer levels at half their width" : ""}`,
    rows,
  };
  if (json) console.log(asJson(result));
}

async function printProfile(
  what: "unet" | "vae",
  model: string,
  options: BenchOptions,
  backend: Backend,
  signal: AbortSignal,
): Promise<void> {
  const at = await machine(backend.description);
  const limits = await limitsOf(backend, options.threads);
  const { subjects, close } = await networkSubjects(what, model, options);
  try {
    const [{ name, graph, weights, inputs }] = subjects;
    const settings = {
      backend,
      weights,
      inputs,
      repeat: options.repeat,
      options: chosenOptions(options, backend),
      signal,
    };
    const result: Profile = {
      kind: "profile",
      machine: at,
      limits,
      model: name,
      ...(await profile(graph, settings)),
    };
    if (options.json) console.log(asJson(result));
    else console.log(describeProfile(result));
  } finally {
    await close();
  }
}

/** The networks as a whole and edits of them by blocks, with random weights: multiply-adds, and times if they are run. */
async function printEdits(names: readonly string[], options: BenchOptions, signal: AbortSignal): Promise<void> {
  const { count, size, repeat, json } = options;
  const { shares = count ? [0.25, 0.5, 1.2, 2.5, 5, 10, 15.5, 25, 40, 60, 100] : [1.2] } = options;
  const unknown = names.find((name) => !Object.hasOwn(editNetworks, name));
  if (unknown !== undefined)
    throw new UserError(`There is no network ${unknown} to edit. There are ${Object.keys(editNetworks).join(", ")}.`);
  if (size && (size.height % 64 || size.width % 64))
    throw new UserError(`--size ${size.width}x${size.height}: networks halve pictures; take multiples of 64.`);
  const head = editsHead(shares, count);
  const rows: EditsRow[] = [];
  let at: Machine | undefined;
  for (const name of names.length ? names : Object.keys(editNetworks))
    // Each network has a backend of its own, for WebAssembly's memory does not shrink.
    await withBackend(options, async ({ backend }) => {
      signal.throwIfAborted();
      at ??= await machine(backend.description);
      if (!json && !rows.length) {
        const rule = head.map((cell, i) => `${"-".repeat(cell.length - 1)}${i < 2 ? "-" : ":"}`);
        console.log([describeMachine(at), "", editsLine(head, head), editsLine(head, rule)].join("\n"));
      }
      say(name);
      const network = { ...editNetworks[name], ...size };
      const masks = shares.map((share) => editMasks(network, share));
      const { edits, ...whole } = count
        ? countEdits(network, masks)
        : await timeEdits(network, masks, {
            backend,
            signal,
            say,
            rounds: repeat,
            room: Math.min(1, (8 * Math.max(...shares)) / 100), // blocks reach beyond the edit
            // Four bytes for each weight of so many leave no room in 4 GiB beside what is recorded.
            dtype: countParameters(network.graph(network)) > 2 ** 29 ? "F16" : "F32",
          });
      const { height, width } = network;
      const row = { model: name, height, width, ...whole, edits: edits.map((one, i) => ({ edit: shares[i], ...one })) };
      rows.push(row);
      if (!json) console.log(describeEdits(head, row));
    });
  const result: Edits = { kind: "edits", machine: at!, rows };
  if (json) console.log(asJson(result));
}

function chosenOptions({ without: names }: BenchOptions, { name, ladders }: Backend): Options {
  const kernels = Object.values(ladders).flatMap((ladder) => ladder.map((kernel) => kernel.name));
  const known = [...Object.keys(defaultOptions.passes), "greedy", "fma", ...kernels];
  const unknown = names.find((off) => !known.some((full) => full === off || full.endsWith(`.${off}`)));
  if (unknown !== undefined)
    throw new UserError(`--without: there is no ${unknown} on ${name}. There are ${known.join(", ")}.`);
  return without(...names);
}

const describeMachine = ({ cpu, cores, node, v8, load, commit, backend }: Machine): string =>
  `${cpu}, ${cores} cores, load ${load}; Node ${node} (V8 ${v8}); commit ${commit ?? "unknown"}; ${backend}`;

function describeLimits({ threads, adapter, simdGflops, halfGflops, copyGigabytesPerSecond: copy }: Limits): string {
  const of = adapter ?? `${threads} thread${threads === 1 ? "" : "s"}`;
  const half = halfGflops === undefined ? "" : `, ${halfGflops.toFixed(0)} in f16`;
  return `limits of ${of}: ${simdGflops.toFixed(0)} GFLOPS${half}, ${copy.toFixed(0)} GB/s copied`;
}

const describeStanding = ({ engine, cases, mean, least }: Standing): string =>
  `${(engine ?? "fastest other engine").padEnd(21)}${mean.toFixed(2).padStart(7)}x ours, geometric mean of ${cases}; least ${least.ratio.toFixed(2)}x at ${least.name}${engine ? "" : ` (${least.engine})`}`;

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const milliseconds = (ms: number, digits = 3): string => String(+ms.toPrecision(digits));
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

function describeCase(measured: Case, limits: Limits): string {
  const { name, times, macs, bytes, engines, copyGigabytesPerSecond: meanwhile } = measured;
  const copyGigabytesPerSecond = meanwhile ?? limits.copyGigabytesPerSecond;
  const line = (row: EngineRow): string => {
    const cells = [`  ${row.engine.padEnd(17)}`];
    if (row.time) {
      const { medianMs, madMs } = row.time;
      cells.push(milliseconds(medianMs).padStart(8), `ms ± ${milliseconds(madMs, 2).padEnd(6)}`);
      if (macs) cells.push(`${row.gflops!.toFixed(1).padStart(6)} GFLOPS ${percent(row.ofPeak!).padStart(6)} of peak`);
      else {
        const speed = row.gigabytesPerSecond!;
        cells.push(
          `${speed.toFixed(1).padStart(6)} GB/s ${percent(speed / copyGigabytesPerSecond).padStart(6)} of a copy`,
        );
      }
      if (row.ratio !== undefined) cells.push(`${row.ratio.toFixed(2).padStart(7)}x`);
      if (row.cpuRatio !== undefined)
        cells.push(`(cpu ${milliseconds(row.time.cpuMedianMs!)} ms, ${row.cpuRatio.toFixed(2)}x)`);
    }
    if (row.note) cells.push(row.note);
    return [...cells, ` ${row.detail}`].join(" ").trimEnd();
  };
  const size = macs ? `${(macs / 1e9).toPrecision(3)} GMACs` : `${(bytes / 1e6).toPrecision(3)} MB`;
  const copied = meanwhile ? `; a copy beside it ${meanwhile.toFixed(1)} GB/s` : "";
  return [`\n${name} (${size}${times > 1 ? `; one of ${times} in a row` : ""}${copied})`, ...engines.map(line)].join(
    "\n",
  );
}

function describeProfile({ machine: at, limits, model, memory, rows }: Profile): string {
  const total = rows.reduce((sum, { ms }) => sum + ms, 0);
  const line = ({ kernel, shapes, calls, ms, macs }: ProfileRow): string =>
    [
      milliseconds(ms).padStart(8),
      percent(ms / total).padStart(6),
      macs ? `${((2 * macs) / ms / 1e6).toFixed(0).padStart(6)} GFLOPS` : " ".repeat(13),
      String(calls).padStart(5),
      `  ${kernel.padEnd(26)} ${shapes}`,
    ].join("");
  const kernels = new Map<string, ProfileRow>();
  for (const row of rows) {
    const sum = kernels.get(row.kernel) ?? { ...row, shapes: "", calls: 0, ms: 0, macs: 0 };
    const [calls, ms, macs] = [sum.calls + row.calls, sum.ms + row.ms, sum.macs + row.macs];
    kernels.set(row.kernel, { ...sum, calls, ms, macs });
  }
  const byKernel = [...kernels.values()].sort((a, b) => b.ms - a.ms);
  const head = `${"ms".padStart(8)}${"share".padStart(6)}${" ".repeat(13)}calls  kernel`;
  return [
    `${describeMachine(at)}\n${describeLimits(limits)}\n\n${model}: ${milliseconds(total)} ms`,
    `activations ${mebibytes(memory.activationBytes)} MiB (lower bound ${mebibytes(memory.lowerBoundBytes)} MiB), weights ${mebibytes(memory.weightBytes)} MiB`,
    `\n${head}`,
    ...byKernel.map(line),
    `\n${head} and shapes`,
    ...rows.map(line),
  ].join("\n");
}

const ablationHead = [
  "without".padEnd(34),
  "setting".padEnd(8),
  "ms".padStart(8),
  "times as slow".padStart(16),
  "dispatches".padStart(11),
  "MiB act.".padStart(9),
  "MiB weights".padStart(12),
  "  difference",
].join("");

function describeAblation({ option, setting, without, alone }: AblationRow): string {
  const times = (x: number, error = 0) => `${x.toFixed(3)} ± ${error.toFixed(3)}`;
  const line = (name: string, what: string, figures: typeof without | NonNullable<typeof alone>, ratio: string) =>
    [
      name.padEnd(34),
      what.padEnd(8),
      milliseconds(figures.time.medianMs).padStart(8),
      ratio.padStart(16),
      String(figures.dispatches).padStart(11),
      mebibytes(figures.activationBytes).padStart(9),
      mebibytes(figures.weightBytes).padStart(12),
      `  ${figures.difference.toExponential(1)}${figures.difference > agreementInHalves ? " too far" : ""}`,
    ].join("");
  const left = line(option, setting, without, times(without.slowdown, without.slowdownError));
  if (!alone) return left;
  const ratio = times(alone.speedup, alone.speedupError);
  return `${left}\n${line("", "alone", alone, ratio)}, times as fast as nothing`;
}

/** The columns of a Markdown table, as wide as what comes under them. */
const editsHead = (shares: readonly number[], count: boolean): string[] => [
  "model".padEnd(27),
  "picture".padEnd(8),
  ...(count
    ? ["whole", ...shares.map((share) => `${share} %`)].map((name) => name.padStart(9))
    : ["edited", "multiply-adds".padStart(27), "time".padStart(25), "of the ratio"]),
];

const editsLine = (head: readonly string[], cells: readonly string[]): string =>
  `| ${cells.map((cell, i) => (i < 2 ? cell.padEnd(head[i].length) : cell.padStart(head[i].length))).join(" | ")} |`;

/** Rows of a network: one with all edits that were counted, or one for each that was timed. */
function describeEdits(head: readonly string[], { model, height, width, macs, time, edits }: EditsRow): string {
  const giga = (macs: number) => `${(macs / 1e9).toFixed(2)} G`;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(3)} s`;
  const of = [model, `${width}×${height}`];
  if (!time) return editsLine(head, [...of, giga(macs), ...edits.map((one) => giga(one.macs))]);
  const lines = edits.map((one) => {
    const [fewer, faster] = [macs / one.macs, time.medianMs / one.time!.medianMs];
    return editsLine(head, [
      ...of,
      `${one.edit} %`,
      `${giga(macs)} → ${giga(one.macs)} (${fewer.toFixed(1)}×)`,
      `${seconds(time.medianMs)} → ${seconds(one.time!.medianMs)} (${faster.toFixed(1)}×)`,
      percent(faster / fewer),
    ]);
  });
  return lines.join("\n");
}
