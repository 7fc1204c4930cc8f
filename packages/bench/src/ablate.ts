import { defaultOptions, KernelError, OutOfMemoryError, planFor } from "@tessera/kernels";
import type { Backend, Graph, HostTensor, Options, Plan } from "@tessera/kernels";
import type { WeightSource } from "@tessera/safetensors";
import { difference } from "./agree.ts";
import { resident, type Resident } from "./resident.ts";
import { timeOf, type AblationRow } from "./result.ts";
import { median, medianError } from "./stats.ts";

export interface AblateOptions {
  readonly backend: Backend;
  readonly weights: WeightSource;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** Samples of each setting, and of the default beside it. */
  readonly repeat: number;
  /** Whether each optimisation is timed alone as well, with all others off: those runs are slow. */
  readonly alone?: boolean;
  /** Of the optimisations, those to time; all if not given. */
  readonly only?: (option: string) => boolean;
  readonly signal?: AbortSignal;
  onProgress?(what: string): void;
}

/** One optimisation: a key of the options record, and the options with it changed or with it alone. */
export interface Switch {
  /** Path in the record: `passes.absorb`, `kernels.conv2d.gemm`, `memory`. */
  readonly option: string;
  readonly setting: string;
  apply(options: Options): Options;
}

/** What the settings that are words may be instead; a switch that is a boolean is turned over. */
const alternatives: { readonly memory: readonly Options["memory"][]; readonly "dtype.weights": readonly string[] } = {
  memory: ["naive"],
  "dtype.weights": ["f32", "f16"],
};

/** The value at a path of the record replaced. */
function changed(options: Options, path: readonly string[], value: unknown): Options {
  const [key, ...rest] = path;
  const inner = (options as unknown as Record<string, unknown>)[key];
  return { ...options, [key]: rest.length ? changed((inner ?? {}) as Options, rest, value) : value };
}

/**
 * Every optimisation that the record has, and every kernel that a plan chose and could do without: found from the record
 * and the plan, so that a new key has its row on the day it is added.
 */
export function switches(plan: Plan, replannable: (options: Options) => boolean): Switch[] {
  const found: Switch[] = [];
  const walk = (value: unknown, path: readonly string[]): void => {
    const option = path.join(".");
    if (option === "kernels") return;
    const add = (setting: unknown) =>
      found.push({ option, setting: String(setting), apply: (options) => changed(options, path, setting) });
    if (typeof value === "boolean") add(!value);
    else if (typeof value === "object" && value) for (const [key, v] of Object.entries(value)) walk(v, [...path, key]);
    else for (const other of alternatives[option as keyof typeof alternatives] ?? []) add(other);
  };
  walk(plan.options, []);
  for (const name of new Set(plan.calls.map(({ kernel }) => kernel.name))) {
    const apply = (options: Options) => changed(options, ["kernels", name], false);
    if (replannable(apply(plan.options))) found.push({ option: `kernels.${name}`, setting: "false", apply });
  }
  return found;
}

/** A setting this many times slower than the default has no need of a second sample. */
const obvious = 3;

/**
 * Leaves one optimisation out at a time, and has one in alone: time, dispatches, memory, and how far the result moves. Samples
 * of a setting and of the default are taken in pairs, each first in turn, where both fit in memory, else one after the
 * other; what is stated is the median of the pairs' ratios, and its standard error. The first row, `all`, is the default
 * against itself: it shows the noise. With `alone` there is a last one, `none`, which has every optimisation off.
 */
export async function* ablate(graph: Graph, options: AblateOptions): AsyncGenerator<AblationRow> {
  const { backend, weights, inputs, repeat, alone = false, only = () => true, signal, onProgress } = options;
  const stored = ({ path }: { path: string }) => (weights.info(path)?.dtype === "F16" ? "f16" : "f32");
  const planned = (changed: Options): Plan => planFor(graph, backend, changed, stored);
  const replannable = (changed: Options): boolean => {
    try {
      planned(changed);
      return true;
    } catch (error) {
      if (error instanceof KernelError) return false; // the last of its ladder
      throw error;
    }
  };
  const plan = planned(defaultOptions);
  const found = switches(plan, replannable).filter(
    // A storage type that weights have already, or that is wider than a row without weights could show, changes nothing.
    ({ option, apply }) =>
      option !== "dtype.weights" || planned(apply(defaultOptions)).weightBytes !== plan.weightBytes,
  );
  // "None" turns off what can be turned off together; where a node would be left without a kernel, the kernel stays.
  const toggles = found.filter(({ option }) => option !== "dtype.weights");
  const offBut = (spared?: Switch): Options =>
    toggles.reduce((off, s) => {
      const next = s === spared ? off : s.apply(off);
      return replannable(next) ? next : off;
    }, defaultOptions);

  const build = (changed: Options) => resident(graph, backend, inputs, { weights, options: changed, signal });
  let base: Resident | undefined = await build(defaultOptions);
  const expected = base.outputs;

  /** Times a setting, and how many times as long as the default beside it it takes. */
  async function measure(setting: Options) {
    let other: Resident;
    try {
      other = await build(setting);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || !base) throw error;
      base.dispose();
      base = undefined;
      other = await build(setting);
    }
    const [own, beside]: [number[], number[]] = [[], []];
    try {
      for (let round = 0; round < repeat && !(round > 0 && own[0] > obvious * beside[0]); round++) {
        signal?.throwIfAborted();
        if (round % 2) own.push(await other.run());
        if (base) beside.push(await base.run());
        if (round % 2 === 0) own.push(await other.run());
      }
    } finally {
      other.dispose();
    }
    if (!beside.length) {
      base = await build(defaultOptions);
      for (let round = 0; round < own.length; round++) beside.push(await base.run());
    }
    const ratios = own.map((ms, i) => ratio(ms, beside[i]));
    const moved = Object.entries(other.outputs).map(([name, data]) => difference(data, expected[name]));
    const { calls, memory, weightBytes } = other.plan;
    const figures = {
      time: timeOf(own),
      calls: calls.length,
      dispatches: calls.reduce((sum, { kernel }) => sum + (kernel.dispatches ?? 1), 0),
      activationBytes: memory.bytes,
      weightBytes,
      difference: Math.max(...moved),
    };
    return { figures, slowdown: { value: median(ratios), error: medianError(ratios) } };
  }
  const row = (option: string, setting: string, measured: Awaited<ReturnType<typeof measure>>): AblationRow => ({
    option,
    setting,
    without: {
      ...measured.figures,
      slowdown: measured.slowdown.value,
      slowdownError: measured.slowdown.error,
    },
  });

  try {
    onProgress?.("all");
    yield row("all", "on", await measure(defaultOptions));
    const wanted = found.filter(({ option }) => only(option));
    if (alone) onProgress?.("none");
    const none = alone ? await measure(offBut()) : undefined;
    for (const s of wanted) {
      onProgress?.(s.option);
      const left = row(s.option, s.setting, await measure(s.apply(defaultOptions)));
      if (!alone || !toggles.includes(s)) {
        yield left;
        continue;
      }
      const { figures, slowdown } = await measure(offBut(s));
      // Both against the default beside them, since the machine may have changed between the two.
      const speedup = ratio(none!.slowdown.value, slowdown.value);
      const share = ratio(none!.slowdown.error, none!.slowdown.value) + ratio(slowdown.error, slowdown.value);
      yield { ...left, alone: { ...figures, speedup, speedupError: speedup * share } };
    }
    if (none) yield row("none", "off", none);
  } finally {
    base?.dispose();
  }
}

/** 1 where nothing took any time, as on the null backend. */
const ratio = (a: number, b: number): number => (Number.isFinite(a / b) ? a / b : 1);
