import * as v from "valibot";
import { MachineSchema } from "../result.ts";

const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const finite = v.pipe(v.number(), v.finite());

/** A number that somebody published. */
export const PaperFigureSchema = v.object({
  value: finite,
  unit: v.string(),
  /** Paper and table. */
  source: v.string(),
  /** Read in its text, in its code, off its figure, in somebody's notes on it; or only remembered. */
  certainty: v.picklist(["text", "code", "figure", "notes", "memory"]),
});

export const RowSchema = v.object({
  /** What the row is about, and which of its numbers it gives. */
  subject: v.string(),
  quantity: v.string(),
  unit: v.string(),
  /** Absent where no paper says anything. */
  paper: v.optional(PaperFigureSchema),
  /** `spread` is the median absolute deviation of `samples` runs. */
  ours: v.optional(v.object({ value: finite, spread: v.optional(finite), samples: v.optional(whole) })),
  /** Ours over the paper's. */
  ratio: v.optional(finite),
  how: v.picklist(["computed exactly", "measured here", "predicted", "not possible"]),
  /** What it would take, where it is not possible. */
  without: v.optional(v.string()),
  /** Why it differs, and by how much. */
  note: v.optional(v.string()),
  /** To plot and group by. */
  keys: v.optional(v.record(v.string(), v.union([v.string(), v.number()]))),
});

export const TableSchema = v.object({
  title: v.string(),
  rows: v.array(RowSchema),
  /** Sentences that the rows support. */
  findings: v.optional(v.array(v.string())),
});

/** One run of an experiment: what its parts gave, and the tables that follow from them. */
export const RunSchema = v.object({
  experiment: v.string(),
  question: v.string(),
  quick: v.boolean(),
  backend: v.string(),
  /** Pictures that each figure over a data set is taken of. */
  pictures: whole,
  /** Absent in a whole or merged run. */
  shard: v.optional(v.object({ index: whole, of: whole })),
  /** More than one where a run was resumed, or merged. */
  machines: v.array(MachineSchema),
  /** The names of all parts, in order, those of other shards too. */
  planned: v.array(v.string()),
  parts: v.array(
    v.object({
      name: v.string(),
      /** Index into `machines`. */
      machine: whole,
      seconds: v.pipe(v.number(), v.minValue(0)),
      /** In the experiment's own schema. */
      outcome: v.unknown(),
    }),
  ),
  /** Empty while parts are missing. */
  tables: v.array(TableSchema),
});

export type PaperFigure = v.InferOutput<typeof PaperFigureSchema>;
export type Row = v.InferOutput<typeof RowSchema>;
export type Table = v.InferOutput<typeof TableSchema>;
export type Run = v.InferOutput<typeof RunSchema>;

/** A result file that is not what it should be. The message names the file, the field, and what to do. */
export class ResultFileError extends Error {
  override readonly name = "ResultFileError";
}

/**
 * Reads a result file: the runs of one experiment, newest last.
 *
 * @param name of the file, for messages
 * @throws {ResultFileError} naming the file and the first field that is wrong
 */
export function parseRuns(text: string, name: string): Run[] {
  const advice = "Restore it, or move it away and run the experiment again.";
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ResultFileError(`${name} is no JSON: ${(error as Error).message}. ${advice}`);
  }
  const parsed = v.safeParse(v.array(RunSchema), json);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new ResultFileError(`${name} is no list of runs: ${v.getDotPath(issue) ?? "it"}: ${issue.message}. ${advice}`);
}
