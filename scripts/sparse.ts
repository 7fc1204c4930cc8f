/**
 * What edits by blocks save, at the networks' real sizes: prints a row of a Markdown table for each network named (default:
 * all). `node --conditions=source --import tsx scripts/sparse.ts [--count] [--backend webgpu] [--rounds 5] [--small] ddpm-church256 …`
 *
 * - `--count` counts multiply-adds for edits of several sizes; packages/sparse/macs.md is its output.
 * - Otherwise it measures, with random weights: the whole network, and edits by blocks of 1.2 % and of all of the picture,
 *   take turns of about the same time; times are medians of single runs. Inputs and
 *   states lie on the device. `--small` leaves out the latter.
 */
import { median } from "@tessera/bench";
import { compile, countMacs, defaultOptions, Graph, type Backend, type DeviceTensor } from "@tessera/kernels";
import { wasm } from "@tessera/kernels/wasm";
import { webgpu } from "@tessera/kernels/webgpu";
import { maskPyramid, sparseMacs, sparsify } from "@tessera/sparse";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { randomWeights, uniform } from "./randomWeights.ts";
import { cases, shares, smaller, square } from "./sparseCases.ts";

const giga = (macs: number) => `${(macs / 1e9).toFixed(2)} G`;
const named = (name: string) => {
  const all = { ...cases, ...smaller };
  if (!all[name]) throw new Error(`There is no case ${name}. There are ${Object.keys(all).join(", ")}.`);
  return all[name];
};
const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

export const countHead = [
  line(["model", "whole", ...shares.map((share) => `${+(100 * share).toFixed(2)} %`)]),
  line(["---", ...["whole", ...shares].map(() => "---:")]),
].join("\n");

/** Multiply-adds of a network, and of edits of it. */
export function countRow(name: string): string {
  const one = named(name);
  const graph = one.graph();
  const { sparse, blocks } = sparsify(graph, one.options);
  const cost = (share: number) => sparseMacs(sparse, blocks(maskPyramid(square(one, share), one.pyramid)));
  return line([name, giga(countMacs(graph).total), ...shares.map((share) => giga(cost(share)))]);
}

const measureHead = [
  line(["model", "multiply-adds", "time", "of the ratio", "all by blocks"]),
  line(["---", "---:", "---:", "---:", "---:"]),
].join("\n");

/** Times of a network, and of edits of it. */
async function measureRow(name: string, backend: Backend, rounds: number, small: boolean): Promise<string> {
  const one = named(name);
  const graph = one.graph();
  const weights = randomWeights(graph);
  // Weights of four bytes leave no room in 4 GiB beside what is recorded.
  const options = {
    ...defaultOptions,
    dtype: { weights: name.startsWith("sd15-unet") ? ("f16" as const) : ("stored" as const) },
  };
  const program = (g: Graph, bound?: Record<string, DeviceTensor>) =>
    compile(g, backend, {
      weights,
      options,
      bound: bound && Object.fromEntries(Object.entries(bound).filter(([input]) => g.inputs.has(input))),
    });
  const given = new Graph();
  for (const [input, { shape }] of graph.inputs) given.output(input, given.input(input, shape));
  const inputs = await (
    await compile(given, backend)
  ).run(
    Object.fromEntries(
      [...graph.inputs].map(([input, t]) => [input, uniform(t.elements, t.id, input === "timestep" ? 500 : 0, 1)]),
    ),
  );
  // What the decoder records is more than half of 4 GiB: there is no memory for all of the picture beside it.
  const all = !small && name !== "sd15-vae-decoder";
  const edits = [{ share: 0.012, room: 0.1 }, ...(all ? [{ share: 1, room: 1 }] : [])];
  const whole = await program(graph, inputs);
  const { full, states } = sparsify(graph, one.options);
  const recording = await program(full, inputs);
  const outputs = await recording.run(inputs);
  const kept = Object.fromEntries(states.map((state) => [state, outputs[state]]));
  const runs = [{ macs: countMacs(graph).total, run: () => whole.run(inputs), times: [] as number[] }];
  for (const { share, room } of edits) {
    const { sparse, blocks } = sparsify(graph, { ...one.options, room });
    const edit = await program(sparse, { ...inputs, ...kept });
    const lists = blocks(maskPyramid(square(one, share), one.pyramid));
    const given: Record<string, Int32Array | DeviceTensor> = { ...inputs, ...kept, ...lists };
    const own = Object.fromEntries([...sparse.inputs.keys()].map((input) => [input, given[input]]));
    runs.push({ macs: sparseMacs(sparse, lists), run: () => edit.run(own), times: [] });
  }
  const timed = async (run: () => Promise<Record<string, DeviceTensor>>) => {
    const started = performance.now();
    const results = await run();
    // A device may still be at work: a read waits for it.
    if (backend.name === "webgpu") await Object.values(results)[0].read();
    return (performance.now() - started) / 1000;
  };
  const first: number[] = [];
  for (const { run } of runs) first.push(await timed(run));
  for (let round = 0; round < rounds; round++)
    for (const [i, { run, times }] of runs.entries())
      for (let left = Math.max(1, Math.round(first[0] / first[i])); left > 0; left--) times.push(await timed(run));
  const [dense, edit, entire] = runs.map(({ macs, times }) => ({ macs, time: median(times) }));
  const ratios = [dense.macs / edit.macs, dense.time / edit.time];
  return line([
    name,
    `${giga(dense.macs)} → ${giga(edit.macs)} (${ratios[0].toFixed(1)}×)`,
    `${dense.time.toFixed(3)} s → ${edit.time.toFixed(3)} s (${ratios[1].toFixed(1)}×)`,
    `${Math.round((100 * ratios[1]) / ratios[0])} %`,
    entire ? `${(entire.time / dense.time).toFixed(2)}×` : "–",
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
  const names = positionals.length ? positionals : Object.keys(cases);
  console.log(values.count ? countHead : measureHead);
  for (const name of names) {
    if (values.count) {
      console.log(countRow(name));
      continue;
    }
    const backend = values.backend === "webgpu" ? await webgpu() : await wasm();
    console.log(await measureRow(name, backend, Number(values.rounds), values.small));
    await backend.dispose();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
