/** Writes docs/results.md and its plots from results/*.json: `npm run results`. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseRuns, runMarkdown, type Run } from "@tessera/bench";
import { experiments } from "@tessera/bench/experiments";
import { format } from "prettier";
import { chartSvg } from "./charts.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The newest run of every experiment that has one. */
export async function newestRuns(folder = join(root, "results")): Promise<Run[]> {
  const runs: Run[] = [];
  for (const { id, backend } of experiments) {
    if (backend) continue; // about a device that readers have, and this page's machine has not
    const file = join(folder, `${id}.json`);
    const newest = parseRuns(await readFile(file, "utf8"), file).at(-1);
    if (newest) runs.push(newest);
  }
  return runs;
}

const head = `# Results

The tables of the papers, theirs beside ours. \`npm run tessera -- reproduce ID\` redoes one, \`reproduce all --quick\` all of
them in minutes on two cores; \`npm run results\` writes this page from \`results/\`. How an experiment is made, resumed, cut
into shards and run on a cluster: [packages/bench](../packages/bench/README.md#the-papers-tables).

Each row says how its number was come by: **computed exactly** from a graph, a plan or a formula; **measured here**, on the
machine named below the table, the median with its absolute deviation; **predicted** by a model of a device that is not
here; or **not possible** without something. Papers' numbers that are known only from memory are marked so: they are not the
papers' word.
`;

/** docs/results.md. */
export function resultsMarkdown(runs: readonly Run[]): Promise<string> {
  const sections = runs.map((run) => {
    const [title, question, ...rest] = runMarkdown(run).split("\n\n");
    return [title, question, `![${run.experiment}](images/results/${run.experiment}.svg)`, ...rest].join("\n\n");
  });
  return format([head, ...sections].join("\n"), { parser: "markdown", printWidth: 120 });
}

async function main(): Promise<void> {
  const runs = await newestRuns();
  const images = join(root, "docs", "images", "results");
  await mkdir(images, { recursive: true });
  for (const run of runs) await writeFile(join(images, `${run.experiment}.svg`), `${chartSvg(run)}\n`);
  await writeFile(join(root, "docs", "results.md"), await resultsMarkdown(runs));
  console.log(`docs/results.md: ${runs.length} experiments`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
