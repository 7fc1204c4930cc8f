import { compile, defaultOptions, type DeviceTensor, type HostTensor, type Options } from "@tessera/kernels";
import { sparsify } from "@tessera/sparse";
import * as v from "valibot";
import { randomInputs, randomWeights } from "../randomNumbers.ts";
import { TimeSchema, timeOf } from "../result.ts";
import { switches } from "../ablate.ts";
import { experiment, type Laboratory } from "./experiment.ts";
import { paperFigures } from "./paperFigures.ts";
import { exactly, measured, milliseconds } from "./rows.ts";
import type { PaperFigure, Row } from "./run.ts";
import { masksOf, sparseNetworks, type SparseNetwork } from "./sparseNetworks.ts";

const network = (model: string): SparseNetwork => sparseNetworks.find((one) => one.model === model)!;

/** Bytes of the original that a network's edits need: its states. */
function cache({ graph, options }: SparseNetwork) {
  const { full, states } = sparsify(graph(), options);
  return { states: states.length, bytes: states.reduce((sum, name) => sum + 4 * full.outputs.get(name)!.elements, 0) };
}

/** Times the smallest edit with one fusion off at a time, in turns with all on. */
async function fusions(one: SparseNetwork, { backend, quick, signal, say }: Laboratory) {
  const graph = one.graph();
  const { full, sparse, states, blocks } = sparsify(graph, one.options);
  const [weights, inputs] = [randomWeights(graph), randomInputs(graph)];
  const recording = await compile(full, backend, { weights, signal });
  const outputs = await recording.run(inputs, { signal });
  const kept = Object.fromEntries(states.map((name) => [name, outputs[name]]));
  const lists = blocks(masksOf(one, one.edits[0], "square"));
  const given: Record<string, HostTensor | DeviceTensor> = Object.fromEntries(
    [...sparse.inputs.keys()].map((name) => [name, lists[name] ?? kept[name] ?? inputs[name]]),
  );
  const open = async (options: Options) => {
    const program = await compile(sparse, backend, { weights, bound: kept, signal, options });
    await program.run(given, { signal });
    const samples: number[] = [];
    return {
      plan: program.plan,
      samples,
      async sample() {
        const start = performance.now();
        const [result] = Object.values(await program.run(given, { signal }));
        if (backend.name === "webgpu") await result.read();
        samples.push(performance.now() - start);
      },
      dispose: () => program.dispose(),
    };
  };
  const base = await open(defaultOptions);
  const rows = [];
  try {
    const passes = switches(base.plan, () => true).filter(({ option }) => option.startsWith("passes."));
    for (const { option, apply } of passes) {
      say(`  ${one.model} without ${option}`);
      const other = await open(apply(defaultOptions));
      base.samples.length = 0;
      for (let i = 0; i < (quick ? 5 : 20); i++) {
        await base.sample();
        await other.sample();
      }
      rows.push({
        off: option,
        calls: other.plan.calls.length,
        time: timeOf(other.samples),
        beside: timeOf(base.samples),
      });
      other.dispose();
    }
    return { calls: base.plan.calls.length, rows };
  } finally {
    base.dispose();
    recording.dispose();
  }
}

export const sigeAblation = experiment({
  id: "sige-ablation",
  question: "What is each fusion worth to an edit by blocks, and what does it cost to remember the original?",
  outcome: v.object({
    states: v.optional(v.number()),
    bytes: v.optional(v.number()),
    fusions: v.optional(
      v.object({
        calls: v.number(),
        rows: v.array(v.object({ off: v.string(), calls: v.number(), time: TimeSchema, beside: TimeSchema })),
      }),
    ),
  }),
  parts: ({ quick }) => [
    ...sparseNetworks.map((one) => ({ name: `cache of ${one.model}`, run: async () => cache(one) })),
    ...(quick ? ["gan-compression"] : ["gan-compression", "gaugan-cityscapes", "ddpm-church-256"]).map((model) => ({
      name: `fusions of ${model}`,
      run: async (laboratory: Laboratory) => ({ fusions: await fusions(network(model), laboratory) }),
    })),
  ],
  tables(outcomes) {
    const caches: Row[] = [];
    const times: Row[] = [];
    const findings: string[] = [];
    for (const [part, { states, bytes, fusions: measurements }] of outcomes) {
      const model = part.replace(/^(cache|fusions) of /, "");
      if (bytes !== undefined)
        caches.push(
          exactly(
            { subject: model, quantity: `cache, ${states} tensors in float32`, unit: "MiB", keys: { model } },
            bytes / 2 ** 20,
            {
              paper: (paperFigures.sige.cache as Record<string, PaperFigure>)[model],
              note: "the released modules keep other tensors: ours keep what the rewritten graph reads, statistics and skips among it",
            },
          ),
        );
      if (!measurements) continue;
      const edit = network(model).edits[0].percent;
      const about = (subject: string, off: string) => ({
        subject: `${model}, ${edit} %, ${subject}`,
        keys: { model, off },
      });
      times.push(exactly({ ...about("all fused", "none"), quantity: "calls", unit: "" }, measurements.calls));
      for (const { off, calls, time, beside } of measurements.rows) {
        const slower = time.medianMs / beside.medianMs;
        times.push(
          exactly({ ...about(`without ${off}`, off), quantity: "calls", unit: "" }, calls),
          measured({ ...about(`without ${off}`, off), quantity: "one run", unit: "ms" }, milliseconds(time)),
          measured(
            { ...about(`without ${off}`, off), quantity: "times as long as all fused, in turns", unit: "×" },
            { value: slower },
          ),
        );
        if (off === "passes.absorb")
          findings.push(
            `Without absorb, an edit of ${edit} % of ${model} takes ${slower.toFixed(2)} times as long, in ${calls} calls for ${measurements.calls}.`,
          );
      }
    }
    return [
      { title: "What must be remembered of the original", rows: caches },
      { title: "One fusion off", rows: times, findings },
    ];
  },
});
