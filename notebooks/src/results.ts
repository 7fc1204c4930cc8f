import { parseRuns, type Row, type Run } from "@tessera/bench";
import { DataFrame } from "danfojs";

/** The newest run in a result file of `tessera reproduce`. */
export const newestRun = (text: string, name: string): Run => parseRuns(text, name).at(-1)!;

/** All rows of a run, of all its tables. */
export const rowsOf = ({ tables }: Run): Row[] => tables.flatMap(({ rows }) => rows);

/**
 * Rows as a data frame: the paper's number and ours as numbers, keys as columns of their own. What is missing is
 * NaN or "". A key that is the name of a data frame's method, such as `head` or `shape`, gets an underscore after it.
 */
export function frameOf(rows: readonly Row[]): DataFrame {
  const keys = [...new Set(rows.flatMap(({ keys = {} }) => Object.keys(keys)))];
  const isNumber = (key: string) => rows.some((row) => typeof row.keys?.[key] === "number");
  return new DataFrame(
    rows.map((row) => ({
      subject: row.subject,
      quantity: row.quantity,
      unit: row.unit,
      paper: row.paper?.value ?? NaN,
      ours: row.ours?.value ?? NaN,
      ratio: row.ratio ?? NaN,
      how: row.how,
      ...Object.fromEntries(keys.map((key) => [columnOf(key), row.keys?.[key] ?? (isNumber(key) ? NaN : "")])),
    })),
  );
}

const columnOf = (key: string) => (key in DataFrame.prototype ? `${key}_` : key);

/** An element behind a line that opens it. */
export function folded(summary: string, content: Element): HTMLElement {
  const details = document.createElement("details");
  details.append(Object.assign(document.createElement("summary"), { textContent: summary }), content);
  return details;
}
