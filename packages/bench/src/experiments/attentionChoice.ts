import { Graph, type Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";
import * as v from "valibot";
import { TimeSchema, type Time } from "../result.ts";
import { experiment, type Laboratory, type Settings } from "./experiment.ts";
import { exactly, impossible, measured, milliseconds } from "./rows.ts";
import type { Row } from "./run.ts";
import { kernelsFor, only, timeGraph } from "./timeGraph.ts";

/** Attention of one head. */
interface Size {
  readonly tokens: number;
  readonly head: number;
}

/** Where Stable Diffusion 1.5 attends: 4096 tokens with heads of 40, 1024 with 80, 256 and 64 with 160. */
const sizes = ({ quick }: Settings): Size[] =>
  (quick ? [256, 1024, 4096] : [64, 256, 1024, 4096]).flatMap((tokens) =>
    [40, 80, 160].map((head) => ({ tokens, head })),
  );

const inStableDiffusion = ({ tokens, head }: Size) =>
  (tokens === 4096 && head === 40) || (tokens === 1024 && head === 80) || (tokens <= 256 && head === 160);

function attention({ tokens, head }: Size, kind: "softmax" | "relu"): Graph {
  const graph = new Graph();
  const [q, k, v] = ["q", "k", "v"].map((name) => graph.input(name, [1, tokens, head]));
  graph.output("y", ops.attention({ q, k, v }, { heads: 1, kind }));
  return graph;
}

/**
 * Logits, softmax and the product with the values, each a kernel, with the t × t matrix in memory between them. Keys and
 * values are parameters, so the products run on packed matrices and packing is not timed, which favours this one.
 */
function naive({ tokens, head }: Size): Graph {
  const graph = new Graph();
  const q = ops.scale(graph.input("q", [tokens, head]), 1 / Math.sqrt(head));
  const weights: Tensor = ops.softmax({ x: ops.linear({ x: q, weight: graph.param("k", [tokens, head]) }) });
  graph.output("y", ops.linear({ x: weights, weight: graph.param("v", [head, tokens]) }));
  return graph;
}

async function measure(size: Size, laboratory: Laboratory) {
  const kernels: { kernel: string; time: Time }[] = [];
  for (const kind of ["softmax", "relu"] as const) {
    const graph = attention(size, kind);
    for (const kernel of kernelsFor(laboratory, graph, "attention")) {
      const options = only(kernel, laboratory.backend.ladders.attention);
      kernels.push({
        kernel: kind === "relu" ? `${kernel}, ReLU` : kernel,
        time: await timeGraph(laboratory, graph, options),
      });
    }
  }
  return { ...size, kernels: [{ kernel: "naive", time: await timeGraph(laboratory, naive(size)) }, ...kernels] };
}

export const attentionChoice = experiment({
  id: "attention-choice",
  question: "Which attention is fastest, by number of tokens and size of a head?",
  outcome: v.object({
    tokens: v.number(),
    head: v.number(),
    kernels: v.array(v.object({ kernel: v.string(), time: TimeSchema })),
  }),
  parts: (settings) =>
    sizes(settings).map((size) => ({
      name: `${size.tokens} tokens, head of ${size.head}`,
      run: (laboratory) => measure(size, laboratory),
    })),
  tables(outcomes) {
    const rows: Row[] = [];
    const memory: Row[] = [];
    const wins: string[] = [];
    for (const { tokens, head, kernels } of outcomes.values()) {
      const subject = `${tokens} tokens, head of ${head}`;
      const macs = 2 * tokens ** 2 * head;
      for (const { kernel, time } of kernels) {
        const keys = { tokens, keys: tokens, head, kernel, gflops: (2 * macs) / time.medianMs / 1e6 };
        rows.push(measured({ subject, quantity: kernel, unit: "ms", keys }, milliseconds(time)));
      }
      if (head === 40)
        memory.push(
          exactly(
            {
              subject: `${tokens} tokens`,
              quantity: "logits in memory, 8 heads, half floats",
              unit: "MiB",
              keys: { tokens },
            },
            (2 * 8 * tokens ** 2) / 2 ** 20,
            { note: "what naive and partially fused attention write and read; a streamed one has none" },
          ),
        );
      const exact = kernels.filter(({ kernel }) => !kernel.endsWith("ReLU"));
      const [best, next] = exact.toSorted((a, b) => a.time.medianMs - b.time.medianMs);
      if (next && inStableDiffusion({ tokens, head }))
        wins.push(
          `${best.kernel} at ${subject} (${(next.time.medianMs / best.time.medianMs).toFixed(1)} times as fast as ${next.kernel})`,
        );
    }
    rows.push(
      impossible(
        { subject: "all sizes", quantity: "partially fused", unit: "ms", keys: { kernel: "partially fused" } },
        "a matrix product that takes exp(p − max) / sum of its operand as it reads it",
      ),
    );
    const relu = [...outcomes.values()].flatMap(({ kernels }) => {
      const own = kernels.find(({ kernel }) => kernel.endsWith("ReLU"));
      const exact = own && kernels.find(({ kernel }) => `${kernel}, ReLU` === own.kernel);
      return exact ? [exact.time.medianMs / own.time.medianMs] : [];
    });
    const range = (numbers: number[]) => `${Math.min(...numbers).toFixed(2)} to ${Math.max(...numbers).toFixed(2)}`;
    return [
      {
        title: "One head, milliseconds",
        rows,
        findings: [
          ...(wins.length
            ? [`Of exact attentions, where Stable Diffusion 1.5 attends to itself, the fastest is ${wins.join("; ")}.`]
            : []),
          ...(relu.length ? [`ReLU in place of softmax is ${range(relu)} times as fast.`] : []),
        ],
      },
      { title: "What the logits take", rows: memory },
    ];
  },
});
