import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Settings } from "../experiments/experiment.ts";
import type { Shard } from "../experiments/reproduce.ts";
import { parseRuns, ResultFileError, type Run } from "../experiments/run.ts";

/**
 * The result files of one experiment in a folder. Finished runs are appended to `ID.json`, or `ID.shard-0-of-4.json`; one
 * that is under way is in `….unfinished.json`. A file is replaced as a whole or not at all.
 */
export function resultFiles(folder: string, id: string, shard?: Shard) {
  const name = shard ? `${id}.shard-${shard.index}-of-${shard.of}` : id;
  const [finished, unfinished] = [join(folder, `${name}.json`), join(folder, `${name}.unfinished.json`)];
  return {
    finished,
    unfinished,
    /** Finished runs, oldest first; none if there is no file. */
    runs: () => readRuns(finished),
    /** The run that was not finished, if there is one. */
    async begun(): Promise<Run | undefined> {
      return (await readRuns(unfinished)).at(-1);
    },
    /** Keeps a run that is under way. */
    keep: (run: Run) => replace(unfinished, [run]),
    /** Appends a finished run. */
    async append(run: Run): Promise<void> {
      await replace(finished, [...(await readRuns(finished)), run]);
      await rm(unfinished, { force: true });
    },
  };
}

/** Every finished shard of an experiment in a folder, the newest run of each, in the shards' order. */
export async function shardRuns(folder: string, id: string): Promise<Run[]> {
  const shards: Run[] = [];
  for (const name of existsSync(folder) ? await readdir(folder) : []) {
    if (!name.startsWith(`${id}.shard-`) || !/\.shard-\d+-of-\d+\.json$/.test(name)) continue;
    const run = (await readRuns(join(folder, name))).at(-1);
    if (!run?.shard) throw new ResultFileError(`${join(folder, name)} holds no run of a shard. Run the shard again.`);
    shards.push(run);
  }
  return shards.sort((a, b) => a.shard!.index - b.shard!.index);
}

/** Whether a run is of what is asked for now. */
export const isOf = (run: Run, { quick, pictures, backend }: Settings & { readonly backend: string }): boolean =>
  run.quick === quick && run.pictures === pictures && run.backend === backend;

async function readRuns(file: string): Promise<Run[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return parseRuns(text, file);
}

async function replace(file: string, runs: readonly Run[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}.tmp`;
  await writeFile(beside, `${JSON.stringify(runs, null, 1)}\n`);
  await rename(beside, file);
}
