import { Graph, type Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";

/** One operator at one size. */
export interface OpCase {
  readonly name: string;
  /** How many of it are timed in a row, so that what a run costs before and after it is shared among them. */
  readonly times: number;
  /**
   * A fresh graph of `times` in a row, each computing from what the one before it gave, with weights of its own. Numbers
   * that change are inputs, weights are parameters; the result is called `y`. Where what one gives is too narrow for
   * another, each has an input and a result of its own.
   */
  build(times?: number): Graph;
}

/** The operator on what the one before it gave. `weight` makes a parameter; `input` gives one of the graph's inputs. */
type Step = (site: {
  readonly x: Tensor;
  weight(name: string, shape: readonly number[]): Tensor;
  input(name: string, shape: readonly number[]): Tensor;
}) => Tensor;

interface Recipe {
  /** Of the first `x`. */
  readonly shape: readonly number[];
  readonly times: number;
  /** Whether each has an input and a result of its own. */
  readonly apart?: boolean;
  readonly step: Step;
}

const conv3x3 = (c: number, side: number): Recipe => ({
  shape: [1, c, side, side],
  times: 1,
  step: ({ x, weight }) => ops.conv2d({ x, weight: weight("weight", [c, c, 3, 3]) }, { pad: [1, 1, 1, 1] }),
});

/** The next one computes from the first columns, where there are more than it takes. */
const gemm = (m: number, k: number, n: number): Recipe => ({
  shape: [m, k],
  times: 4,
  step({ x, weight }) {
    const first = x.shape[1] === k ? x : ops.slice({ x }, { axis: 1, begin: 0, end: k });
    return ops.linear({ x: first, weight: weight("weight", [n, k]) });
  },
});

const attention = (t: number, s: number, e: number, heads: number): Recipe => ({
  shape: [1, t, e],
  times: t * s > 2 ** 20 ? 1 : 8,
  step: ({ x, input }) => ops.attention({ q: x, k: input("k", [1, s, e]), v: input("v", [1, s, e]) }, { heads }),
});

const groupNormSilu = (c: number, side: number, groups: number): Recipe => ({
  shape: [1, c, side, side],
  times: 32,
  step({ x, weight }) {
    const stats = ops.groupStats({ x }, { groups });
    return ops.silu(ops.affine({ x, stats, weight: weight("norm.weight", [c]), bias: weight("norm.bias", [c]) }));
  },
});

/** Reshapes cost nothing, and keep the next one from being joined to this one, as no network would have it. */
const gelu = (t: number, e: number): Recipe => ({
  shape: [t, e],
  times: 8,
  step: ({ x }) => ops.reshape({ x: ops.gelu(x) }, { shape: x.shape.toReversed() }),
});

/** The activation alone: both halves of the projection are given. */
const geglu = (t: number, e: number): Recipe => ({
  shape: [t, e],
  times: 8,
  apart: true,
  step({ x }) {
    const half = (begin: number) => ops.slice({ x }, { axis: 1, begin, end: begin + e / 2 });
    return ops.mul(half(0), ops.gelu(half(e / 2)));
  },
});

const layerNorm = (t: number, e: number): Recipe => ({
  shape: [t, e],
  times: 32,
  step: ({ x, weight }) => ops.layerNorm({ x, weight: weight("norm.weight", [e]), bias: weight("norm.bias", [e]) }),
});

const named = (recipes: Record<string, Recipe>): OpCase[] =>
  Object.entries(recipes).map(([name, { shape, times, apart, step }]) => ({
    name,
    times,
    build(count = times) {
      const graph = new Graph();
      const input = (name: string, shape: readonly number[]) => graph.inputs.get(name) ?? graph.input(name, shape);
      let x = input("x", shape);
      for (let i = 0; i < count; i++) {
        const place = graph.scope(String(i));
        if (apart && i) {
          graph.output(`y${i}`, x);
          x = input(`x${i}`, shape);
        }
        x = step({ x, input, weight: (name, shape) => place.get(name, shape) });
      }
      graph.output("y", x);
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

/**
 * Operators without multiply-adds over so few positions that all numbers stay in a core's own cache: what arithmetic alone
 * takes. As many positions more take as many times longer at least, however fast memory is.
 */
export const cachedOps: readonly OpCase[] = named({
  "group norm + SiLU 320@16": { ...groupNormSilu(320, 16, 32), times: 128 },
  "GELU 32x2560": { ...gelu(32, 2560), times: 16 }, // each halves small numbers: more would end in denormal ones
  "layer norm 256x320": { ...layerNorm(256, 320), times: 128 },
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
