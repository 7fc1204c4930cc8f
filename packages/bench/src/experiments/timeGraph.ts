import { defaultOptions, planFor, type Graph, type Options } from "@tessera/kernels";
import { randomInputs, randomWeights } from "../randomNumbers.ts";
import { resident } from "../resident.ts";
import { timeOf, type Time } from "../result.ts";
import type { Laboratory } from "./experiment.ts";

/** Runs of less than this are taken several to a sample. */
const sampleMs = 10;

/** Times a small graph with random numbers: a run to warm up, then samples of one run or of several short ones. */
export async function timeGraph(
  { backend, quick, signal }: Laboratory,
  graph: Graph,
  options: Options = defaultOptions,
): Promise<Time> {
  const weights = randomWeights(graph, "F32");
  const program = await resident(graph, backend, randomInputs(graph), { weights, options, signal });
  try {
    const several = Math.max(1, Math.min(500, Math.ceil(sampleMs / (await program.run()))));
    const samples: number[] = [];
    for (let i = 0; i < (quick ? 5 : 20); i++) {
      signal.throwIfAborted();
      let ms = 0;
      for (let k = 0; k < several; k++) ms += await program.run();
      samples.push(ms / several);
    }
    return timeOf(samples);
  } finally {
    program.dispose();
  }
}

/** The default options, with one kernel of its ladder alone. */
export function only(kernel: string, ladder: readonly { readonly name: string }[]): Options {
  const others = ladder.filter(({ name }) => name !== kernel);
  return { ...defaultOptions, kernels: Object.fromEntries(others.map(({ name }) => [name, false])) };
}

/** The kernels that accept a graph's node of an op, fastest first. */
export function kernelsFor({ backend }: Pick<Laboratory, "backend">, graph: Graph, op: string): string[] {
  const { context, calls } = planFor(graph, backend);
  const node = calls.find((call) => call.node.op.name === op)?.node;
  const ladder = node ? (backend.ladders[op] ?? []) : [];
  return ladder.filter((kernel) => kernel.accepts(node!, context) === true).map(({ name }) => name);
}
