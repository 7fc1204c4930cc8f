import { expr as E, Graph, type Backend, type Params, type Tensor } from "@tessera/kernels";
import { concat, conv2d, pointwise, pool, reshape } from "@tessera/kernels/ops";
import { channelwise } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { needed } from "./MissingWeightsError.ts";
import { openBatched, type Batched } from "./openBatched.ts";

/** Numbers per picture that the FID is taken over. */
export const inceptionFeatures = 2048;

/** Convolution, batch norm by running statistics (eps 0.001), ReLU: `conv.weight`, `bn.*`. */
function unit(
  p: Params,
  x: Tensor,
  co: number,
  window: number | readonly [number, number],
  { stride = 1, pad = false } = {},
) {
  const [kh, kw] = typeof window === "number" ? [window, window] : window;
  const [rows, columns] = pad ? [(kh - 1) / 2, (kw - 1) / 2] : [0, 0];
  const weight = p.at("conv").get("weight", [co, x.shape[1], kh, kw]);
  const y = conv2d({ x, weight }, { stride, pad: [rows, columns, rows, columns] });
  const bn = ["running_mean", "running_var", "weight", "bias"].map((name) => channelwise(p.at("bn").get(name, [co])));
  const [value, mean, variance, scale, shift] = [0, 1, 2, 3, 4].map(E.value);
  const normed = E.div(E.sub(value, mean), E.sqrt(E.add(variance, 0.001)));
  const expr = E.max(E.add(E.mul(normed, scale), shift), 0);
  const inputs = Object.fromEntries([y, ...bn].map((t, k) => [`x${k}`, t]));
  return p.result(x.graph.apply(pointwise, inputs, { label: "batchNormRelu", expr }));
}

/** Units one after the other, each padded to keep the size. */
type Layer = readonly [name: string, co: number, window: number | readonly [number, number]];
const chain = (p: Params, x: Tensor, ...layers: readonly Layer[]): Tensor =>
  layers.reduce((h, [name, co, window]) => unit(p.at(name), h, co, window, { pad: true }), x);
const joined = (...parts: readonly Tensor[]): Tensor => parts.reduce((a, b) => concat({ a, b }, { axis: 1 }));
const around = (x: Tensor, kind: "mean" | "max"): Tensor => pool({ x }, { kind, size: 3, stride: 1, pad: 1 });
const halved = (x: Tensor): Tensor => pool({ x }, { kind: "max", size: 3, stride: 2 });
const [row, column, row3, column3] = [
  [1, 7],
  [7, 1],
  [1, 3],
  [3, 1],
] as const;

function blockA(p: Params, x: Tensor, pooled: number): Tensor {
  return joined(
    chain(p, x, ["branch1x1", 64, 1]),
    chain(p, x, ["branch5x5_1", 48, 1], ["branch5x5_2", 64, 5]),
    chain(p, x, ["branch3x3dbl_1", 64, 1], ["branch3x3dbl_2", 96, 3], ["branch3x3dbl_3", 96, 3]),
    chain(p, around(x, "mean"), ["branch_pool", pooled, 1]),
  );
}

function blockB(p: Params, x: Tensor): Tensor {
  const double = chain(p, x, ["branch3x3dbl_1", 64, 1], ["branch3x3dbl_2", 96, 3]);
  return joined(
    unit(p.at("branch3x3"), x, 384, 3, { stride: 2 }),
    unit(p.at("branch3x3dbl_3"), double, 96, 3, { stride: 2 }),
    halved(x),
  );
}

function blockC(p: Params, x: Tensor, c: number): Tensor {
  return joined(
    chain(p, x, ["branch1x1", 192, 1]),
    chain(p, x, ["branch7x7_1", c, 1], ["branch7x7_2", c, row], ["branch7x7_3", 192, column]),
    chain(
      p,
      x,
      ["branch7x7dbl_1", c, 1],
      ["branch7x7dbl_2", c, column],
      ["branch7x7dbl_3", c, row],
      ["branch7x7dbl_4", c, column],
      ["branch7x7dbl_5", 192, row],
    ),
    chain(p, around(x, "mean"), ["branch_pool", 192, 1]),
  );
}

function blockD(p: Params, x: Tensor): Tensor {
  const seven = chain(p, x, ["branch7x7x3_1", 192, 1], ["branch7x7x3_2", 192, row], ["branch7x7x3_3", 192, column]);
  return joined(
    unit(p.at("branch3x3_2"), chain(p, x, ["branch3x3_1", 192, 1]), 320, 3, { stride: 2 }),
    unit(p.at("branch7x7x3_4"), seven, 192, 3, { stride: 2 }),
    halved(x),
  );
}

function blockE(p: Params, x: Tensor, kind: "mean" | "max"): Tensor {
  const one = chain(p, x, ["branch3x3_1", 384, 1]);
  const double = chain(p, x, ["branch3x3dbl_1", 448, 1], ["branch3x3dbl_2", 384, 3]);
  return joined(
    chain(p, x, ["branch1x1", 320, 1]),
    chain(p, one, ["branch3x3_2a", 384, row3]),
    chain(p, one, ["branch3x3_2b", 384, column3]),
    chain(p, double, ["branch3x3dbl_3a", 384, row3]),
    chain(p, double, ["branch3x3dbl_3b", 384, column3]),
    chain(p, around(x, kind), ["branch_pool", 192, 1]),
  );
}

/**
 * Inception v3 (Szegedy et al. 2016) as the FID uses it: pictures [n 3 h w] in −1 … 1, 299×299 by convention → the 2048
 * features of its last pooling. Where it differs from the classifier (means that leave the margin out, a maximum in the
 * last block) it follows the network of 2015-12-05 that all FIDs are taken with. Parameter names are those of
 * mseitzer/pytorch-fid's `pt_inception-2015-12-05`.
 */
export function inception(p: Params, image: Tensor): Tensor {
  let h = unit(p.at("Conv2d_1a_3x3"), image, 32, 3, { stride: 2 });
  h = unit(p.at("Conv2d_2a_3x3"), h, 32, 3);
  h = halved(unit(p.at("Conv2d_2b_3x3"), h, 64, 3, { pad: true }));
  h = unit(p.at("Conv2d_3b_1x1"), h, 80, 1);
  h = halved(unit(p.at("Conv2d_4a_3x3"), h, 192, 3));
  h = blockA(p.at("Mixed_5b"), h, 32);
  h = blockA(p.at("Mixed_5c"), h, 64);
  h = blockA(p.at("Mixed_5d"), h, 64);
  h = blockB(p.at("Mixed_6a"), h);
  h = blockC(p.at("Mixed_6b"), h, 128);
  h = blockC(p.at("Mixed_6c"), h, 160);
  h = blockC(p.at("Mixed_6d"), h, 160);
  h = blockC(p.at("Mixed_6e"), h, 192);
  h = blockD(p.at("Mixed_7a"), h);
  h = blockE(p.at("Mixed_7b"), h, "mean");
  h = blockE(p.at("Mixed_7c"), h, "max");
  const [n, c, size] = h.shape;
  return reshape({ x: pool({ x: h }, { kind: "mean", size, stride: 1 }) }, { shape: [n, c] });
}

/** Inception alone: `image` [batch 3 size size] → `features` [batch 2048]. */
export function inceptionGraph({ batch = 1, size = 299 } = {}): Graph {
  const graph = new Graph();
  graph.output("features", inception(graph.scope(), graph.input("image", [batch, 3, size, size])));
  return graph;
}

/**
 * Inception on a device, for any number of pictures [n 3 299 299] (`resample` brings them there): `image` → `features`,
 * which `FeatureStatistics` gathers and `frechetDistance` compares.
 * @throws {MissingWeightsError} if there are no weights
 */
export const openInception = async (backend: Backend, weights: WeightSource | undefined, batch = 8): Promise<Batched> =>
  openBatched(inceptionGraph({ batch }), backend, {
    weights: needed(weights, "The FID", "pt_inception-2015-12-05 of mseitzer/pytorch-fid"),
  });
