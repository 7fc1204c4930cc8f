import * as v from "valibot";
import type { Machine } from "../result.ts";
import type { Experiment, Laboratory, Settings } from "./experiment.ts";
import { ResultFileError, type Run } from "./run.ts";

export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** A run of which nothing has been done yet. */
export function begin(
  { id, question, parts }: Experiment,
  settings: Settings & { readonly backend: string; readonly shard?: Shard },
): Run {
  const { quick, backend, pictures, shard } = settings;
  const planned = parts({ quick, pictures }).map(({ name }) => name);
  const repeated = planned.find((name, i) => planned.indexOf(name) !== i);
  if (repeated !== undefined) throw new Error(`${id} has two parts called "${repeated}".`);
  const asked = { experiment: id, question, quick, backend, pictures, ...(shard && { shard }) };
  return { ...asked, machines: [], planned, parts: [], tables: [] };
}

/** Names of the parts that a run still lacks: of its shard, if it is one. */
export function missing({ planned, parts, shard }: Run): string[] {
  const done = new Set(parts.map(({ name }) => name));
  return planned.filter((name, i) => (!shard || i % shard.of === shard.index) && !done.has(name));
}

/**
 * Does what a run lacks, part by part, and yields it after each, so that nothing done is lost; and once more with its
 * tables.
 */
export async function* proceed(
  experiment: Experiment,
  run: Run,
  laboratory: Laboratory,
  machine: Machine,
): AsyncGenerator<Run> {
  const todo = new Set(missing(run));
  const machines = todo.size ? [...run.machines, machine] : run.machines;
  let now: Run = { ...run, machines };
  for (const part of experiment.parts(laboratory)) {
    if (!todo.has(part.name)) continue;
    laboratory.signal.throwIfAborted();
    laboratory.say(`${experiment.id}: ${part.name}`);
    const start = performance.now();
    const outcome = v.parse(experiment.outcome, await part.run(laboratory));
    const seconds = +((performance.now() - start) / 1000).toFixed(3);
    now = { ...now, parts: [...now.parts, { name: part.name, machine: machines.length - 1, seconds, outcome }] };
    yield now;
  }
  yield await concluded(experiment, now);
}

/** The run with its parts in order, and with its tables if none is missing. */
export async function concluded(experiment: Experiment, run: Run): Promise<Run> {
  const { quick, pictures, planned } = run;
  const done = new Map(run.parts.map((part) => [part.name, part]));
  const parts = planned.flatMap((name) => done.get(name) ?? []);
  if (parts.length < planned.length) return { ...run, parts, tables: [] };
  const outcomes = new Map(
    parts.map(({ name, outcome }) => {
      const parsed = v.safeParse(experiment.outcome, outcome);
      if (parsed.success) return [name, parsed.output];
      const [issue] = parsed.issues;
      throw new ResultFileError(
        `${experiment.id}, part "${name}": ${v.getDotPath(issue) ?? "outcome"}: ${issue.message}. It may be of another version; run it again.`,
      );
    }),
  );
  return { ...run, parts, tables: await experiment.tables(outcomes, { quick, pictures }) };
}

/**
 * Shards of one run as one: the run that would have been, had it never been cut.
 *
 * @throws {ResultFileError} where they do not belong together, or one is missing
 */
export async function merged(experiment: Experiment, shards: readonly Run[]): Promise<Run> {
  const [first] = shards;
  const settings = ({ experiment, quick, backend, pictures, planned, shard }: Run) =>
    JSON.stringify({ experiment, quick, backend, pictures, planned, of: shard?.of });
  for (const { shard, machines, ...rest } of shards) {
    const name = shard ? `shard ${shard.index}/${shard.of}` : "a run";
    if (settings({ shard, machines, ...rest }) !== settings(first))
      throw new ResultFileError(`${first.experiment}: ${name} was run with other settings than the first one.`);
    const commits = new Set([...machines, ...first.machines].map(({ commit }) => commit));
    if (commits.size > 1)
      throw new ResultFileError(
        `${first.experiment}: ${name} was run at commit ${machines[0].commit}, the first one at ${first.machines[0].commit}.`,
      );
  }
  const parts: Run["parts"] = [];
  const machines: Machine[] = [];
  for (const shard of shards) {
    parts.push(...shard.parts.map((part) => ({ ...part, machine: part.machine + machines.length })));
    machines.push(...shard.machines);
  }
  const { shard, ...asked } = first;
  const whole = { ...asked, machines, parts };
  const lacking = missing(whole);
  if (lacking.length) {
    const have = shards.map((run) => run.shard?.index);
    const absent = Array.from({ length: shard?.of ?? 1 }, (_, i) => i).filter((i) => !have.includes(i));
    throw new ResultFileError(
      `${first.experiment}: ${lacking.length} of ${whole.planned.length} parts are missing, such as "${lacking[0]}". ` +
        (absent.length
          ? `There is no finished shard ${absent.map((i) => `${i}/${shard!.of}`).join(", ")}.`
          : "Run the shards to their end with --resume."),
    );
  }
  const twice = parts.find(({ name }, i) => parts.findIndex((other) => other.name === name) !== i);
  if (twice) throw new ResultFileError(`${first.experiment}: part "${twice.name}" is in two shards.`);
  return concluded(experiment, whole);
}
