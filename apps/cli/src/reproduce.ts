import { machine, runMarkdown, type Machine, type Run } from "@tessera/bench";
import {
  begin,
  experiments,
  merged,
  missing,
  proceed,
  type Experiment,
  type Laboratory,
  type Shard,
} from "@tessera/bench/experiments";
import { isOf, openLaboratory, resultFiles, shardRuns } from "@tessera/bench/node";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Argument, InvalidArgumentError, Option, type Command } from "commander";
import { asJson } from "./asJson.ts";
import { checkFolder } from "./checkTarget.ts";
import { command, wholeNumber, withBackend, type SharedOptions, type Surroundings } from "./options.ts";
import { UserError } from "./UserError.ts";

interface ReproduceOptions extends SharedOptions {
  readonly list: boolean;
  readonly quick: boolean;
  readonly resume: boolean;
  readonly shard?: Shard;
  readonly pictures?: number;
  readonly out: string;
  readonly model: string;
  readonly evalnet: string;
}

/** A file of this repository. */
const ours = (path: string) => relative("", fileURLToPath(new URL(`../../../${path}`, import.meta.url)));

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** `tessera reproduce`: the papers' tables, ours beside theirs. */
export function reproduceCommand({ signal }: Surroundings): Command {
  const ids = experiments.map(({ id }) => id);
  return command("reproduce", "redo the papers' tables: theirs, ours, and how each number was come by", {
    backend: "wasm",
  })
    .addArgument(
      new Argument("[what]", "an experiment, all of them, or merge: put finished shards together").choices([
        ...ids,
        "all",
        "merge",
      ]),
    )
    .option("--list", "list the experiments", false)
    .option("--quick", "smaller sizes and fewer samples: all in minutes on two cores", false)
    .option("--resume", "go on with a run that was stopped, and skip what this commit has finished", false)
    .option("--shard <i/n>", "only every n-th part, from the i-th on (from 0): 0/4 … 3/4, then merge", shard)
    .option(
      "--pictures <n>",
      "pictures that each figure over a data set is taken of (default: 100; quick: 4)",
      wholeNumber(1),
    )
    .option("--out <folder>", "where results are kept", "results")
    .addOption(new Option("--model <path>", "the townscapes checkpoint").default(ours("checkpoints/townscapes-sd")))
    .addOption(
      new Option("--evalnet <file>", "weights of the townscapes evaluation network").default(
        ours("fixtures/townscapes/evalnet.safetensors"),
      ),
    )
    .action(async (what: string | undefined, options: ReproduceOptions) => {
      if (options.list) return list(options.json);
      if (what === undefined)
        throw new UserError(`Say what to redo: ${ids.join(", ")}, all or merge; --list explains.`);
      const print = (runs: readonly Run[]) => {
        if (options.json) console.log(asJson(runs));
        else for (const run of runs) console.log(`${runMarkdown(run)}\n`);
      };
      if (what === "merge") return print(await mergeAll(options.out));
      const fits = ({ backend }: Experiment) => backend === undefined || backend === options.backend;
      const chosen = experiments.filter((one) => (what === "all" ? fits(one) : one.id === what));
      const unfit = chosen.find((one) => !fits(one));
      if (unfit) throw new UserError(`${unfit.id} is about ${unfit.backend}. Add --backend ${unfit.backend}.`);
      await checkFolder(options.out);
      const runs: Run[] = [];
      const failed: string[] = []; // one that fails does not keep the others from being run
      await withBackend(options, async ({ backend }) => {
        const { quick, model, evalnet, threads } = options;
        const pictures = options.pictures ?? (quick ? 4 : 100);
        const { laboratory, close } = openLaboratory({
          backend,
          quick,
          pictures,
          threads,
          model,
          evalnet,
          signal,
          say,
        });
        const at = await machine(backend.description);
        try {
          for (const experiment of chosen) {
            try {
              const run = await reproduceOne(experiment, options, laboratory, at);
              runs.push(run);
              if (!options.json && run.tables.length) print([run]);
            } catch (error) {
              if (signal.aborted || chosen.length === 1) throw error;
              failed.push(experiment.id);
              say(`${experiment.id}: failed: ${(error as Error).message}`);
            }
          }
        } finally {
          await close();
        }
      });
      if (options.json) print(runs);
      if (failed.length)
        throw new UserError(`${failed.join(", ")} failed; see above. The others are in ${options.out}.`);
    });
}

async function reproduceOne(
  experiment: Experiment,
  { out, shard, resume }: ReproduceOptions,
  laboratory: Laboratory,
  at: Machine,
): Promise<Run> {
  const { quick, pictures, backend } = laboratory;
  const asked = { quick, pictures, backend: backend.name, shard };
  const files = resultFiles(out, experiment.id, shard);
  const fresh = begin(experiment, asked);
  const begun = await files.begun();
  if (begun && !resume)
    throw new UserError(
      `${files.unfinished} holds ${begun.parts.length} of ${begun.parts.length + missing(begun).length} parts of a run. ` +
        "Go on with it by --resume, or remove the file.",
    );
  if (begun && !isOf(begun, asked))
    throw new UserError(
      `${files.unfinished} was begun with --backend ${begun.backend} --pictures ${begun.pictures}${begun.quick ? " --quick" : ""}. ` +
        "Resume it with the same, or remove the file.",
    );
  const { commit } = begun?.machines.at(-1) ?? at;
  if (begun && (commit !== at.commit || begun.planned.join() !== fresh.planned.join()))
    throw new UserError(
      `${files.unfinished} was begun at commit ${commit ?? "unknown"}, and this is ${at.commit ?? "unknown"}: parts of both would not be one run. ` +
        "Go back to that commit, or remove the file.",
    );
  const last = (await files.runs()).at(-1);
  if (resume && !begun && last && isOf(last, asked) && last.machines.at(-1)?.commit === at.commit) {
    say(`${experiment.id}: finished at this commit; its result is in ${files.finished}`);
    return last;
  }
  let run = begun ?? fresh;
  if (begun) say(`${experiment.id}: goes on; ${missing(begun).length} parts are left`);
  for await (run of proceed(experiment, run, laboratory, at)) await files.keep(run);
  await files.append(run);
  say(`${experiment.id}: in ${files.finished}`);
  return run;
}

async function mergeAll(out: string): Promise<Run[]> {
  const runs: Run[] = [];
  for (const experiment of experiments) {
    const shards = await shardRuns(out, experiment.id);
    if (!shards.length) continue;
    const run = await merged(experiment, shards);
    await resultFiles(out, experiment.id).append(run);
    runs.push(run);
  }
  if (!runs.length) throw new UserError(`${out} holds no finished shards: files such as samplers.shard-0-of-4.json.`);
  return runs;
}

function list(json: boolean): void {
  if (json) console.log(asJson(experiments.map(({ id, question }) => ({ id, question }))));
  else for (const { id, question } of experiments) console.log(`${id.padEnd(30)}${question}`);
}

/** `2/8`: the third of eight shards. */
function shard(text: string): Shard {
  const [, i, n] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (Number(n) >= 1 && Number(i) < Number(n)) return { index: Number(i), of: Number(n) };
  throw new InvalidArgumentError("It must be i/n with i from 0 to n − 1: 0/4 is the first of four.");
}
