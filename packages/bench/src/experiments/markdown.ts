import type { PaperFigure, Row, Run, Table } from "./run.ts";

/** Four significant digits, or all of an integer's; thousands apart. */
export function numeral(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e7)) return value.toExponential(1);
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const digits = Math.min(4, Math.max(0, 3 - Math.floor(Math.log10(magnitude))));
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

const withUnit = (text: string, unit: string): string => (!unit ? text : unit === "×" ? `${text}×` : `${text} ${unit}`);

const paperCell = (figure: PaperFigure | undefined): string =>
  figure ? withUnit(numeral(figure.value), figure.unit) + (figure.certainty === "memory" ? " (memory)" : "") : "–";

function ourCell({ ours, unit }: Row): string {
  if (!ours) return "–";
  const spread = ours.spread === undefined ? "" : ` ± ${numeral(+ours.spread.toPrecision(2))}`;
  return withUnit(`${numeral(ours.value)}${spread}`, unit);
}

/** How a row was come by, in words. */
function howCell({ how, without, note }: Row): string {
  const words = how === "not possible" ? `not possible without ${without ?? "more than is here"}` : how;
  return (note ? `${words}; ${note}` : words).replaceAll("|", "\\|");
}

const certainties: Record<PaperFigure["certainty"], string> = {
  text: "read in the text",
  code: "read in or computed from the authors' code",
  figure: "read off a figure",
  notes: "from others' notes on the paper",
  memory: "from memory, not checked against the paper: marked (memory)",
};

/** A table with the columns paper, ours, ratio and how obtained. */
export function tableMarkdown({ title, rows, findings = [] }: Table): string {
  const cells = rows.map((row) => [
    row.subject,
    row.quantity,
    paperCell(row.paper),
    ourCell(row),
    row.ratio === undefined ? "–" : numeral(+row.ratio.toPrecision(3)),
    howCell(row),
  ]);
  const head = ["what", "quantity", "paper", "ours", "ratio", "how obtained"];
  const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
  const sources = new Map<string, Set<string>>();
  for (const { paper } of rows)
    if (paper) sources.set(paper.source, (sources.get(paper.source) ?? new Set()).add(certainties[paper.certainty]));
  const origin = [...sources].map(([source, how]) => `${source} (${[...how].join("; ")})`);
  return [
    `### ${title}`,
    [line(head), line(["---", "---", "---:", "---:", "---:", "---"]), ...cells.map(line)].join("\n"),
    ...(findings.length ? [findings.map((finding) => `- ${finding}`).join("\n")] : []),
    ...(origin.length ? [`Paper: ${origin.join("; ")}.`] : []),
  ].join("\n\n");
}

/** A run's question, its tables, and where they were made. */
export function runMarkdown(run: Run): string {
  const { experiment, question, quick, machines, tables } = run;
  const where = [
    ...new Set(
      machines.map(
        ({ cpu, cores, node, commit, backend, date }) =>
          `${cpu}, ${cores} cores; ${backend}; Node ${node}; commit ${commit ?? "unknown"}; ${date.slice(0, 10)}`,
      ),
    ),
  ];
  return [
    `## ${experiment}`,
    `**${question}**`,
    ...tables.map(tableMarkdown),
    `${quick ? "Quick run" : "Full run"} on ${where.join(", then ")}.`,
  ].join("\n\n");
}
