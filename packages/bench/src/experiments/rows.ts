import type { Time } from "../result.ts";
import type { PaperFigure, Row } from "./run.ts";

/** What a row is about. */
export type About = Pick<Row, "subject" | "quantity" | "unit" | "keys">;

interface Beside {
  readonly paper?: PaperFigure;
  readonly note?: string;
}

function row(about: About, how: Row["how"], ours: Row["ours"], { paper, note }: Beside): Row {
  if (paper && paper.unit !== about.unit)
    throw new RangeError(
      `${about.subject}, ${about.quantity}: ours is in ${about.unit}, the paper's in ${paper.unit}.`,
    );
  const { subject, quantity, unit, keys } = about;
  return {
    subject,
    quantity,
    unit,
    ...(paper && { paper }),
    ...(ours && { ours }),
    ...(paper && ours && { ratio: ours.value / paper.value }),
    how,
    ...(note !== undefined && { note }),
    ...(keys && { keys }),
  };
}

/** Whether a number rounds to what is printed, to the digits that are printed. */
export const roundsTo = (value: number, printed: number): boolean => {
  const decimals = String(printed).split(".")[1]?.length ?? 0;
  return Math.abs(value - printed) <= 0.5 * 10 ** -decimals * (1 + 1e-9);
};

/**
 * A number that follows from a graph, a plan or a formula. Where it does not round to the paper's, `note` must say why;
 * by how much is added.
 */
export function exactly(about: About, value: number, { paper, note }: Beside = {}): Row {
  if (!paper) return row(about, "computed exactly", { value }, { note });
  if (roundsTo(value, paper.value)) return row(about, "computed exactly", { value }, { paper });
  if (note === undefined)
    throw new RangeError(`${about.subject}, ${about.quantity}: ${value} for ${paper.value} ${paper.unit}: say why.`);
  const percent = 100 * (value / paper.value - 1);
  const by = `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(Math.abs(percent) < 10 ? 2 : 0)} %`;
  return row(about, "computed exactly", { value }, { paper, note: `${by}: ${note}` });
}

/** A number that was measured, with its spread if it was several times. */
export const measured = (
  about: About,
  ours: { readonly value: number; readonly spread?: number; readonly samples?: number },
  beside: Beside = {},
): Row => row(about, "measured here", ours, beside);

/** A number that a model gives for something that is not here. */
export const predicted = (about: About, value: number, beside: Beside = {}): Row =>
  row(about, "predicted", { value }, beside);

/** A number that cannot be had here, and what it would take. */
export const impossible = (about: About, without: string, beside: Beside = {}): Row => ({
  ...row(about, "not possible", undefined, beside),
  without,
});

/** A time in milliseconds, as rows have it. */
export const milliseconds = ({ medianMs, madMs, samplesMs }: Time) => ({
  value: medianMs,
  spread: madMs,
  samples: samplesMs.length,
});
