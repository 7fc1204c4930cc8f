import { countMacs, Graph, type Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";
import * as v from "valibot";
import { bytesOf } from "../bytesOf.ts";
import { LimitsSchema, TimeSchema } from "../result.ts";
import { experiment, type Laboratory, type Settings } from "./experiment.ts";
import { exactly, measured } from "./rows.ts";
import type { Row } from "./run.ts";
import { kernelsFor, only, timeGraph } from "./timeGraph.ts";

interface Case {
  readonly name: string;
  /** The op whose kernels are timed. */
  readonly op: string;
  build(graph: Graph): Tensor;
}

/** Shapes in which Stable Diffusion 1.5's outer levels use each op; to be quick, at half the width and the size. */
function cases({ quick }: Settings): Case[] {
  const [c, side] = quick ? [160, 32] : [320, 64];
  const t = side ** 2;
  const picture = (g: Graph, channels = c) => g.input("x", [1, channels, side, side]);
  const tokens = (g: Graph, name = "x", count = t) => g.input(name, [1, count, c]);
  const rows = (g: Graph) => g.input("x", [t, c]);
  const conv = (g: Graph, size: number, attrs: object, groups = 1) =>
    ops.conv2d({ x: picture(g), weight: g.param("weight", [c, c / groups, size, size]) }, { groups, ...attrs });
  const pad = [1, 1, 1, 1];
  const blocks = 64;
  const at = (g: Graph) => g.input("at", [blocks, 2], "i32");
  const tiles = (g: Graph) => g.input("tiles", [blocks, c, 4, 4]);
  const map = (g: Graph) => g.input("map", [side / 4, side / 4], "i32");
  const s = `${c}@${side}`;
  return [
    { name: `3×3 ${s}`, op: "conv2d", build: (g) => conv(g, 3, { pad }) },
    { name: `3×3 ${s}, stride 2`, op: "conv2d", build: (g) => conv(g, 3, { pad, stride: 2 }) },
    { name: `1×1 ${s}`, op: "conv2d", build: (g) => conv(g, 1, {}) },
    { name: `depthwise 3×3 ${s}`, op: "conv2d", build: (g) => conv(g, 3, { pad }, c) },
    {
      name: `${t}×${c}×${c}`,
      op: "linear",
      build: (g) => ops.linear({ x: rows(g), weight: g.param("weight", [c, c]) }),
    },
    {
      name: `${t}×${c}×${8 * c}`,
      op: "gatedLinear",
      build: (g) =>
        ops.gatedLinear({ x: rows(g), weight: g.param("weight", [8 * c, c]), bias: g.param("bias", [8 * c]) }),
    },
    {
      name: `self, ${t} tokens, 8 heads of ${c / 8}`,
      op: "attention",
      build: (g) => ops.attention({ q: tokens(g, "q"), k: tokens(g, "k"), v: tokens(g, "v") }, { heads: 8 }),
    },
    {
      name: `cross, ${t} × 77 tokens`,
      op: "attention",
      build: (g) => ops.attention({ q: tokens(g, "q"), k: tokens(g, "k", 77), v: tokens(g, "v", 77) }, { heads: 8 }),
    },
    { name: `${t}×${c}`, op: "softmax", build: (g) => ops.softmax({ x: rows(g) }) },
    {
      name: `${t}×${c}`,
      op: "layerNorm",
      build: (g) => ops.layerNorm({ x: rows(g), weight: g.param("norm.weight", [c]), bias: g.param("norm.bias", [c]) }),
    },
    { name: s, op: "groupStats", build: (g) => ops.groupStats({ x: picture(g) }, { groups: 32 }) },
    {
      name: s,
      op: "affine",
      build: (g) =>
        ops.affine({
          x: picture(g),
          stats: g.input("stats", [1, 32, 2]),
          weight: g.param("norm.weight", [c]),
          bias: g.param("norm.bias", [c]),
        }),
    },
    { name: `GELU ${t}×${c}`, op: "pointwise", build: (g) => ops.gelu(rows(g)) },
    { name: `sum ${t}×${c}`, op: "pointwise", build: (g) => ops.add(rows(g), g.input("b", [t, c])) },
    {
      name: `${s}, doubled`,
      op: "upsample",
      build: (g) => ops.upsample({ x: picture(g) }, { height: 2 * side, width: 2 * side }),
    },
    { name: `${s}, halved`, op: "pool", build: (g) => ops.pool({ x: picture(g) }, {}) },
    {
      name: `two of ${s}`,
      op: "concat",
      build: (g) => ops.concat({ a: picture(g), b: g.input("b", [1, c, side, side]) }),
    },
    {
      name: `half of ${s}`,
      op: "slice",
      build: (g) => ops.slice({ x: picture(g) }, { axis: 1, begin: 0, end: c / 2 }),
    },
    {
      name: `77 of 1000×${c}`,
      op: "embed",
      build: (g) => ops.embed({ ids: g.input("ids", [77], "i32"), table: g.param("table", [1000, c]) }),
    },
    {
      name: `${blocks} blocks of 6×6, ${s}`,
      op: "gather",
      build: (g) => ops.gather({ x: picture(g), at: at(g) }, { size: 6 }),
    },
    {
      name: `${blocks} tiles of 4×4, ${s}`,
      op: "scatter",
      build: (g) => ops.scatter({ tiles: tiles(g), base: picture(g), map: map(g) }),
    },
    {
      name: `${blocks} tiles to blocks, ${s}`,
      op: "scatterGather",
      build: (g) => ops.scatterGather({ tiles: tiles(g), base: picture(g), map: map(g), at: at(g) }, { size: 6 }),
    },
  ];
}

async function measure({ op, build }: Case, laboratory: Laboratory) {
  const graph = new Graph();
  graph.output("y", build(graph));
  const kernels = [];
  for (const kernel of kernelsFor(laboratory, graph, op))
    kernels.push({ kernel, time: await timeGraph(laboratory, graph, only(kernel, laboratory.backend.ladders[op])) });
  return { kernels, macs: countMacs(graph).total, bytes: bytesOf(graph) };
}

export const roofline = experiment({
  id: "roofline",
  question: "How near does every kernel come to what the processor can compute and move?",
  outcome: v.object({
    limits: v.optional(LimitsSchema),
    kernels: v.array(v.object({ kernel: v.string(), time: TimeSchema })),
    macs: v.number(),
    bytes: v.number(),
  }),
  parts: (settings) => [
    {
      name: "limits",
      run: async (laboratory) => ({ limits: await laboratory.limits(), kernels: [], macs: 0, bytes: 0 }),
    },
    ...cases(settings).map((one) => ({
      name: `${one.op} ${one.name}`,
      run: (laboratory: Laboratory) => measure(one, laboratory),
    })),
  ],
  tables(outcomes) {
    const limits = outcomes.get("limits")!.limits!;
    const { simdGflops: peak, copyGigabytesPerSecond: bandwidth, threads, adapter } = limits;
    const subject = adapter ?? `${threads} threads`;
    const roofs: Row[] = [
      measured(
        { subject, quantity: "multiply-adds on registers", unit: "GFLOPS", keys: { kernel: "peak" } },
        { value: peak },
      ),
      measured(
        { subject, quantity: "copy of memory", unit: "GB/s", keys: { kernel: "bandwidth" } },
        { value: bandwidth },
      ),
      exactly(
        { subject: "where the roofs meet", quantity: "intensity", unit: "FLOP/byte", keys: { kernel: "ridge" } },
        peak / bandwidth,
      ),
    ];
    const rows: Row[] = [];
    const shares: { kernel: string; share: number }[] = [];
    for (const [name, { kernels, macs, bytes }] of outcomes)
      for (const [place, { kernel, time }] of kernels.entries()) {
        const ms = time.medianMs;
        const intensity = (2 * macs) / bytes;
        const roof = Math.min(peak, intensity * bandwidth);
        const [rate, unit, share] = macs
          ? [(2 * macs) / ms / 1e6, "GFLOPS", (2 * macs) / ms / 1e6 / roof]
          : [bytes / ms / 1e6, "GB/s", bytes / ms / 1e6 / bandwidth];
        const keys = { kernel, case: name, intensity, share, place };
        const notes = [
          ...(kernel.includes("winograd") ? ["counted as a direct convolution: it multiplies less"] : []),
          ...(macs === 0 && share > 1 ? ["above memory's speed: from the cache"] : []),
        ];
        rows.push(
          measured(
            { subject: name, quantity: kernel, unit, keys },
            { value: rate, samples: time.samplesMs.length },
            notes.length ? { note: notes.join("; ") } : {},
          ),
          measured({ subject: name, quantity: `${kernel}, of its roof`, unit: "%", keys }, { value: 100 * share }),
        );
        if (place === 0 && macs) shares.push({ kernel: `${kernel} at ${name}`, share });
      }
    const [least, most] = [Math.min, Math.max].map((f) => f(...shares.map(({ share }) => share)));
    const named = (share: number) => {
      const { kernel } = shares.find((one) => one.share === share)!;
      return `${kernel} (${Math.round(100 * share)} %)`;
    };
    return [
      { title: "Roofs", rows: roofs },
      {
        title: "Kernels under them",
        rows,
        findings: shares.length
          ? [
              `Of the kernels that multiply, each op's fastest, ${named(most)} is the nearest to its roof and ${named(least)} the farthest.`,
            ]
          : [],
      },
    ];
  },
});
