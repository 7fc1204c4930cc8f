import { defaultOptions, KernelError, OutOfMemoryError, planFor } from "@tessera/kernels";
import type { Backend, Graph, HostTensor, Options, Plan } from "@tessera/kernels";
import type { WeightSource } from "@tessera/safetensors";
import { difference } from "./agree.ts";
import { resident, type Resident } from "./resident.ts";
import { timeOf, type AblationRow } from "./result.ts";
import { median } from "./stats.ts";

export interface AblateOptions {
  readonly backend: Backend;
  readonly weights: WeightSource;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** Samples of each setting. */
  readonly repeat: number;
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

/** A setting is sampled for no longer than this, but at least once: plain kernels may take minutes. */
const longEnoughMs = 20_000;

/**
 * Leaves one optimisation out at a time, and has one in alone: time, dispatches, memory, and how far the result moves.
 * Samples of a setting are taken in turns with those of the default, or of nothing, and ratios are medians over the turns;
 * where two do not fit in memory they are sampled one after the other. The first row, `all`, is the default; the last,
 * `none`, has every optimisation off.
 */
export async function* ablate(graph: Graph, options: AblateOptions): AsyncGenerator<AblationRow> {
  const { backend, weights, inputs, repeat, signal, onProgress } = options;
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

  /** Programs that rows are held against, as long as they fit in memory. */
  const kept = new Map<Options, Resident>();
  const keep = async (end: Options): Promise<Resident> => {
    const program = kept.get(end) ?? (await build(end));
    kept.set(end, program);
    return program;
  };
  const drop = (): void => {
    for (const program of kept.values()) program.dispose();
    kept.clear();
  };
  /** Runs programs in turns. */
  async function sample(...programs: Resident[]): Promise<number[][]> {
    const samples = programs.map((): number[] => []);
    const start = performance.now();
    do {
      signal?.throwIfAborted();
      for (const [i, program] of programs.entries()) samples[i].push(await program.run());
    } while (samples[0].length < repeat && performance.now() - start < longEnoughMs);
    return samples;
  }

  let expected: Resident["outputs"] | undefined;
  /** A setting's figures, and how many times as long it takes as the end that it is held against. */
  async function measure(changed: Options, end: Options) {
    let against: Resident | undefined;
    let program: Resident;
    try {
      against = await keep(end);
      program = await build(changed);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      drop();
      against = undefined;
      program = await build(changed);
    }
    let samples: number[][];
    try {
      samples = against ? await sample(against, program) : await sample(program);
    } finally {
      program.dispose();
    }
    if (!against) samples.unshift(...(await sample(await keep(end))));
    const [beside, own] = samples;
    const { calls, memory, weightBytes } = program.plan;
    expected ??= program.outputs;
    const moved = Object.entries(program.outputs).map(([name, data]) => difference(data, expected![name]));
    const figures = {
      time: timeOf(own),
      calls: calls.length,
      dispatches: calls.reduce((sum, { kernel }) => sum + (kernel.dispatches ?? 1), 0),
      activationBytes: memory.bytes,
      weightBytes,
      difference: Math.max(...moved),
    };
    const turns = Math.min(own.length, beside.length);
    return { figures, slower: median(own.slice(0, turns).map((ms, i) => ratio(ms, beside[i]))) };
  }
  const without = ({ figures, slower }: Awaited<ReturnType<typeof measure>>) => ({ ...figures, slowdown: slower });

  const none = offBut();
  try {
    onProgress?.("all");
    yield { option: "all", setting: "on", without: without(await measure(defaultOptions, defaultOptions)) };
    for (const s of found) {
      onProgress?.(`without ${s.option}`);
      const row = {
        option: s.option,
        setting: s.setting,
        without: without(await measure(s.apply(defaultOptions), defaultOptions)),
      };
      if (!toggles.includes(s)) {
        yield row;
        continue;
      }
      onProgress?.(`${s.option} alone`);
      const { figures, slower } = await measure(offBut(s), none);
      yield { ...row, alone: { ...figures, speedup: ratio(1, slower) } };
    }
    onProgress?.("none");
    yield { option: "none", setting: "off", without: without(await measure(none, defaultOptions)) };
  } finally {
    drop();
  }
}

/** 1 where nothing took any time, as on the null backend. */
const ratio = (a: number, b: number): number => (Number.isFinite(a / b) ? a / b : 1);
