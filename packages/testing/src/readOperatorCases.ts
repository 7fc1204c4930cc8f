import { Graph, type Shape, type Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";
import { toFloat32, type WeightSource } from "@tessera/safetensors";

/** A case as `fixtures/ops.json` has it. */
export interface Recorded {
  readonly name: string;
  readonly op: string;
  readonly params: Record<string, any>;
  readonly inputs: Record<string, { tensor: string; shape: number[] }>;
  readonly outputs: Record<
    string,
    { tensor: string; shape: number[]; max_abs_value: number; torch_f32_max_abs_err: number }
  >;
}

/** One PyTorch result: a graph of ours, its inputs and parameters, and what must come out. */
export interface OperatorCase {
  readonly name: string;
  readonly op: string;
  /** A fresh graph; operands called weight, bias, w1 … are parameters when `asParams`, else inputs. */
  build(): Graph;
  /** Everything by name: inputs of the graph and parameters. */
  readonly data: Readonly<Record<string, Float32Array>>;
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly expected: Float32Array;
  /** 10 × PyTorch's own float32 error, or 1e-5 × max |reference|, whichever is larger. */
  readonly tolerance: number;
  readonly maxAbs: number;
}

type T = Record<string, Tensor>;
const channelwise = (bias: Tensor) => ops.reshape({ x: bias }, { shape: [1, bias.shape[0], 1, 1] });
const biased = (y: Tensor, bias: Tensor | undefined) =>
  bias ? ops.add(y, y.shape.length === 4 ? channelwise(bias) : bias) : y;
const groupNorm = ({ x, weight, bias }: T, groups: number, eps: number) =>
  ops.affine({ x, stats: ops.groupStats({ x }, { groups, eps }), weight, bias });
const conv3 = (x: Tensor, weight: Tensor, bias: Tensor) =>
  biased(ops.conv2d({ x, weight }, { pad: [1, 1, 1, 1] }), bias);
const instanceNorm = (x: Tensor, eps: number) => {
  const [n, c] = x.dims("n c h w");
  const stats = ops.groupStats({ x }, { groups: c, eps });
  const [mean, rstd] = [0, 1].map((i) =>
    ops.reshape({ x: ops.slice({ x: stats }, { axis: 2, begin: i, end: i + 1 }) }, { shape: [n, c, 1, 1] }),
  );
  return ops.mul(ops.sub(x, mean), rstd);
};
const batchNorm = (x: Tensor, mean: Tensor, variance: Tensor, eps: number) =>
  ops.mul(ops.sub(x, channelwise(mean)), channelwise(ops.rsqrt(ops.scale(variance, 1, eps))));
/** `t` holds sw sb gw gb bw bb rm rv under a prefix. */
const spade = (x: Tensor, t: T, prefix = "") => {
  const [sw, sb, gw, gb, bw, bb, rm, rv] = ["sw", "sb", "gw", "gb", "bw", "bb", "rm", "rv"].map((k) => t[prefix + k]);
  const [, , height, width] = x.dims("n c h w");
  const hidden = ops.relu(conv3(ops.upsample({ x: t.seg }, { height, width }), sw, sb));
  return ops.add(ops.mul(batchNorm(x, rm, rv, 1e-5), ops.scale(conv3(hidden, gw, gb), 1, 1)), conv3(hidden, bw, bb));
};

/** How each recorded operator is written with ours. What is not here is no operator of ours yet. */
const recipes: Record<string, (t: T, p: Record<string, any>) => Tensor> = {
  conv2d({ x, weight, bias }, { stride, padding, groups, dilation, explicit_zero_pad: e }) {
    const pad = e ? [e.top, e.left, e.bottom, e.right] : [padding, padding, padding, padding];
    return biased(ops.conv2d({ x, weight }, { stride, pad, groups, dilation }), bias);
  },
  group_norm: (t, { groups, eps, silu }) => (silu ? ops.silu(groupNorm(t, groups, eps)) : groupNorm(t, groups, eps)),
  layer_norm: ({ x, weight, bias }, { eps }) => ops.layerNorm({ x, weight, bias }, { eps }),
  gelu: ({ x }, { approximate }) => (approximate === "tanh" ? ops.geluTanh(x) : ops.gelu(x)),
  quick_gelu: ({ x }) => ops.quickGelu(x),
  silu: ({ x }) => ops.silu(x),
  sigmoid: ({ x }) => ops.sigmoid(x),
  tanh: ({ x }) => ops.tanh(x),
  relu: ({ x }) => ops.relu(x),
  leaky_relu: ({ x }, { slope }) => ops.leakyRelu(x, slope),
  geglu({ x, weight, bias }) {
    const projected = biased(ops.linear({ x, weight }), bias);
    const [axis, width] = [projected.shape.length - 1, projected.shape.at(-1)!];
    const part = (begin: number, end: number) => ops.slice({ x: projected }, { axis, begin, end });
    return ops.mul(part(0, width / 2), ops.gelu(part(width / 2, width)));
  },
  ffn: ({ x, w1, b1, w2, b2 }) =>
    biased(ops.linear({ x: ops.silu(biased(ops.linear({ x, weight: w1 }), b1)), weight: w2 }), b2),
  linear: ({ x, weight, bias }) => biased(ops.linear({ x, weight }), bias),
  attention: ({ q, k, v }, { heads, causal = false, kind, shared_kv }) =>
    ops.attention({ q, k, v: shared_kv && !v ? k : v }, { heads, causal, kind }),
  softmax: ({ x }) => ops.softmax({ x }),
  upsample_nearest({ x }, { scale, size }) {
    const [, , h, w] = x.dims("n c h w");
    return ops.upsample({ x }, { height: size?.[0] ?? h * scale, width: size?.[1] ?? w * scale });
  },
  /** At half the size, without aligned corners, every number is the mean of four. */
  upsample_bilinear: ({ x }) => ops.pool({ x }, { kind: "mean" }),
  avg_pool2d: ({ x }, { k: size, stride }) => ops.pool({ x }, { kind: "mean", size, stride }),
  max_pool2d: ({ x }, { k: size, stride }) => ops.pool({ x }, { kind: "max", size, stride }),
  instance_norm: ({ x, weight, bias }, { eps }) =>
    weight ? groupNorm({ x, weight, bias }, x.shape[1], eps) : instanceNorm(x, eps),
  batch_norm_eval: ({ x, running_mean, running_var }, { eps }) => batchNorm(x, running_mean, running_var, eps),
  spade: (t) => spade(t.x, t),
  spade_resblock(t, { leaky }) {
    const active = (x: Tensor) => ops.leakyRelu(x, leaky);
    const h = conv3(active(spade(t.x, t, "n0_")), t.c0w, t.c0b);
    const shortcut = ops.conv2d({ x: spade(t.x, t, "ns_"), weight: t.csw });
    return ops.add(shortcut, conv3(active(spade(h, t, "n1_")), t.c1w, t.c1b));
  },
  separable_conv({ x, dw, db, pw, pb }, { middle_norm }) {
    const depthwise = ops.conv2d({ x, weight: dw }, { pad: [1, 1, 1, 1], groups: x.shape[1] });
    const h = biased(depthwise, db);
    return biased(ops.conv2d({ x: middle_norm === "none" ? h : instanceNorm(h, 1e-5), weight: pw }), pb);
  },
  timestep_embedding: ({ t }, { dim, flip_sin_to_cos, freq_shift }) =>
    ops.timestepEmbedding({ timestep: t }, { dim, flipSinToCos: flip_sin_to_cos, freqShift: freq_shift }),
};

const isParam = (name: string) => /^(weight|bias|[wb]\d|([dp]|c[01s]|(n[01s]_)?[sgb])[wb])$/.test(name);

/** The recorded cases that our ops can express, with their numbers. */
export async function readOperatorCases(
  { cases }: { readonly cases: readonly Recorded[] },
  file: WeightSource,
): Promise<OperatorCase[]> {
  const numbers = async (name: string) => toFloat32(await file.get(name));
  const written = cases.filter(({ op }) => op in recipes);
  return Promise.all(
    written.map(async ({ name, op, params, inputs, outputs }) => {
      const entries = Object.entries(inputs);
      const data = Object.fromEntries(
        await Promise.all(entries.map(async ([key, { tensor }]) => [key, await numbers(tensor)] as const)),
      );
      const { tensor, max_abs_value, torch_f32_max_abs_err } = outputs.out;
      return {
        name,
        op,
        data,
        shapes: Object.fromEntries(entries.map(([key, { shape }]) => [key, shape])),
        expected: await numbers(tensor),
        tolerance: Math.max(10 * torch_f32_max_abs_err, 1e-5 * max_abs_value),
        maxAbs: max_abs_value,
        build() {
          const graph = new Graph();
          const tensors = Object.fromEntries(
            entries.map(([key, { shape }]) => [key, isParam(key) ? graph.param(key, shape) : graph.input(key, shape)]),
          );
          graph.output("out", recipes[op](tensors, params));
          return graph;
        },
      };
    }),
  );
}
