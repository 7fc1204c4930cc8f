/**
 * What edits by blocks save, at the networks' real sizes: prints a row of a Markdown table for each network named (default:
 * all). `node --conditions=source --import tsx scripts/sparse.ts [--count] [--backend webgpu] [--rounds 5] [--small] ddpm-church256 …`
 *
 * - `--count` counts multiply-adds for edits of several sizes; packages/sparse/macs.md is its output.
 * - Otherwise it measures, with random weights: the whole network, and edits by blocks of 1.2 % and of all of the picture,
 *   take turns of about the same time; times are medians of single runs. Inputs and states lie on the device. `--small`
 *   leaves out the latter.
 *
 * `tessera reproduce sige-macs` and `sige-latency` ask the same of the networks and edits that the paper reports.
 */
import { median } from "@tessera/bench";
import {
  countEdits,
  editNetwork,
  editNetworks,
  editShares,
  timeEdits,
  type EditSamples,
} from "@tessera/bench/experiments";
import { wasm } from "@tessera/kernels/wasm";
import { webgpu } from "@tessera/kernels/webgpu";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";

const giga = (macs: number) => `${(macs / 1e9).toFixed(2)} G`;
const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const head = (names: readonly string[]) => [line(names), line(names.map((_, i) => (i ? "---:" : "---")))].join("\n");

export const countHead = head(["model", "whole", ...editShares.map((share) => `${+(100 * share).toFixed(2)} %`)]);

/** Multiply-adds of a network, and of edits of it. */
export function countRow(name: string): string {
  const { whole, edits } = countEdits(name);
  return line([name, giga(whole), ...edits.map(giga)]);
}

/** Times of a network, and of edits of it. */
function measuredRow(name: string, { whole, edit, all }: Awaited<ReturnType<typeof timeEdits>>): string {
  const seconds = ({ samples }: EditSamples) => median(samples) / 1000;
  const [fewer, faster] = [whole.macs / edit.macs, seconds(whole) / seconds(edit)];
  return line([
    name,
    `${giga(whole.macs)} → ${giga(edit.macs)} (${fewer.toFixed(1)}×)`,
    `${seconds(whole).toFixed(3)} s → ${seconds(edit).toFixed(3)} s (${faster.toFixed(1)}×)`,
    `${Math.round((100 * faster) / fewer)} %`,
    all ? `${(seconds(all) / seconds(whole)).toFixed(2)}×` : "–",
  ]);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      count: { type: "boolean", default: false },
      backend: { type: "string", default: "wasm" },
      rounds: { type: "string", default: "5" },
      small: { type: "boolean", default: false },
    },
  });
  const names = positionals.length ? positionals : Object.keys(editNetworks);
  names.forEach(editNetwork); // an unknown name ends all before anything is measured
  console.log(values.count ? countHead : head(["model", "multiply-adds", "time", "of the ratio", "all by blocks"]));
  const { signal } = new AbortController();
  for (const name of names) {
    if (values.count) {
      console.log(countRow(name));
      continue;
    }
    const backend = values.backend === "webgpu" ? await webgpu() : await wasm();
    const times = await timeEdits(name, backend, { rounds: Number(values.rounds), small: values.small, signal });
    console.log(measuredRow(name, times));
    await backend.dispose();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
