import { printCachePlan, printPsnr, type EditReport } from "@tessera/pipelines";

/** What an edit by blocks cost: of a picture's steps, or of one painting. */
export type Costs = Omit<EditReport, "cache"> & Partial<Pick<EditReport, "cache">>;

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`;
const giga = (count: number) => `${(count / 1e9).toFixed(2)} G`;
const row = (what: string, ...cells: string[]) => `  ${what.padEnd(34)}${cells.join("   ")}`;

/** The report as a table; what was counted and what was measured is said. */
export function editTable({ edited, grown, blocks, macs, ms, psnr, stateBytes }: Costs): string[] {
  const whole = ms.dense === undefined ? [] : [`whole ${seconds(ms.dense)}`];
  const ratio = ms.dense === undefined ? [] : [`${(ms.dense / ms.sparse).toFixed(2)}×`];
  const size = `(${(stateBytes / 2 ** 20).toFixed(1)} MiB an evaluation)`;
  return [
    row("edited", percent(edited), `(grown: ${percent(grown)})`),
    ...blocks.map(({ network, height, width, size, tile, active, all }) =>
      row(`${network} ${height}×${width}, ${size}→${tile}`, `${active} of ${all} blocks`, percent(active / all)),
    ),
    row(
      "multiply-adds, counted",
      `whole ${giga(macs.dense)}`,
      `blocks ${giga(macs.sparse)}`,
      `${(macs.dense / macs.sparse).toFixed(2)}×`,
    ),
    row("time, measured", ...whole, `blocks ${seconds(ms.sparse)}`, ...ratio),
    row("once, measured", `loading ${seconds(ms.load)}`, `recording the original ${seconds(ms.record)}`, size),
    ...(psnr
      ? [row("PSNR to the edit as a whole", printPsnr(psnr.all), `within the mask ${printPsnr(psnr.inside)}`)]
      : []),
  ];
}

/** What was kept of the original, and what it cost the edit that the rest was not. */
export const cacheTable = ({ cache, ms }: Pick<EditReport, "cache" | "ms">): string[] =>
  [
    ...printCachePlan(cache).split("\n"),
    `  computing it again and recalling what was kept, measured: ${seconds(ms.recall)}`,
  ].map((line) => `  ${line}`);

/** The report for programs: places of tiles and names of states are left out. */
export function editSummary({ blocks, cache, ...report }: Costs): object {
  return {
    ...report,
    blocks: blocks.map((set) => ({ ...set, tiles: undefined })),
    ...(cache && {
      cache: {
        budget: cache.budget,
        bytes: cache.bytes,
        evaluations: cache.evaluations,
        recomputedMacs: cache.recomputedMacs,
        wholeMacs: cache.wholeMacs,
        levels: cache.levels.map((level) => ({ ...level, states: undefined })),
      },
    }),
  };
}
