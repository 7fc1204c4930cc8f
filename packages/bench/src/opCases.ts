import { Graph, type Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";

/** One operator at one size. */
export interface OpCase {
  readonly name: string;
  /** A fresh graph: numbers that change are inputs, weights are parameters; the result is called `y`. */
  build(): Graph;
}

type Recipe = (graph: Graph) => Tensor;
const picture = (graph: Graph, c: number, side: number) => graph.input("x", [1, c, side, side]);
const rows = (graph: Graph, t: number, e: number) => graph.input("x", [t, e]);

const conv3x3 =
  (c: number, side: number): Recipe =>
  (graph) =>
    ops.conv2d({ x: picture(graph, c, side), weight: graph.param("weight", [c, c, 3, 3]) }, { pad: [1, 1, 1, 1] });

const gemm =
  (m: number, k: number, n: number): Recipe =>
  (graph) =>
    ops.linear({ x: rows(graph, m, k), weight: graph.param("weight", [n, k]) });

const attention =
  (t: number, s: number, e: number, heads: number): Recipe =>
  (graph) => {
    const [q, k, v] = [graph.input("q", [1, t, e]), graph.input("k", [1, s, e]), graph.input("v", [1, s, e])];
    return ops.attention({ q, k, v }, { heads });
  };

const groupNormSilu =
  (c: number, side: number, groups: number): Recipe =>
  (graph) => {
    const x = picture(graph, c, side);
    const [weight, bias] = [graph.param("norm.weight", [c]), graph.param("norm.bias", [c])];
    return ops.silu(ops.affine({ x, stats: ops.groupStats({ x }, { groups }), weight, bias }));
  };

const gelu =
  (t: number, e: number): Recipe =>
  (graph) =>
    ops.gelu(rows(graph, t, e));

/** The activation alone: both halves of the projection are given. */
const geglu =
  (t: number, e: number): Recipe =>
  (graph) => {
    const x = rows(graph, t, e);
    const half = (begin: number) => ops.slice({ x }, { axis: 1, begin, end: begin + e / 2 });
    return ops.mul(half(0), ops.gelu(half(e / 2)));
  };

const layerNorm =
  (t: number, e: number): Recipe =>
  (graph) =>
    ops.layerNorm({
      x: rows(graph, t, e),
      weight: graph.param("norm.weight", [e]),
      bias: graph.param("norm.bias", [e]),
    });

const named = (recipes: Record<string, Recipe>): OpCase[] =>
  Object.entries(recipes).map(([name, recipe]) => ({
    name,
    build() {
      const graph = new Graph();
      graph.output("y", recipe(graph));
      return graph;
    },
  }));

/** The shapes that Stable Diffusion 1.5 spends its time in, at 512×512: `c@side`, `M×K×N`, `queries×keys`. */
export const sd15Ops: readonly OpCase[] = named({
  "conv3x3 320@64": conv3x3(320, 64),
  "conv3x3 640@32": conv3x3(640, 32),
  "conv3x3 1280@16": conv3x3(1280, 16),
  "conv3x3 1280@8": conv3x3(1280, 8),
  "conv3x3 128@256": conv3x3(128, 256),
  "gemm 4096x320x2560": gemm(4096, 320, 2560),
  "gemm 4096x320x320": gemm(4096, 320, 320),
  "gemm 256x1280x10240": gemm(256, 1280, 10240),
  "self-attention 4096 8x40": attention(4096, 4096, 320, 8),
  "cross-attention 4096x77 8x40": attention(4096, 77, 320, 8),
  "group norm + SiLU 320@64": groupNormSilu(320, 64, 32),
  "GELU 4096x2560": gelu(4096, 2560),
  "GEGLU 4096x2560": geglu(4096, 2560),
  "layer norm 4096x320": layerNorm(4096, 320),
});

/** The same operators, small: to try engines and to test. */
export const smallOps: readonly OpCase[] = named({
  "conv3x3 8@6": conv3x3(8, 6),
  "gemm 6x8x12": gemm(6, 8, 12),
  "self-attention 12 2x4": attention(12, 12, 8, 2),
  "cross-attention 12x5 2x4": attention(12, 5, 8, 2),
  "group norm + SiLU 8@6": groupNormSilu(8, 6, 4),
  "GELU 6x8": gelu(6, 8),
  "GEGLU 6x8": geglu(6, 8),
  "layer norm 6x8": layerNorm(6, 8),
});
