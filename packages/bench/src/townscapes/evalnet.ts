import { Graph, type Backend, type Params, type Tensor } from "@tessera/kernels";
import { relu, reshape } from "@tessera/kernels/ops";
import { conv, linear } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { openBatched, type Batched } from "../metrics/openBatched.ts";
import type { Townscape } from "./townscape.ts";

/** Filters and strides of the six 3×3 convolutions. */
const convolutions = [
  [16, 2],
  [32, 1],
  [48, 2],
  [64, 1],
  [96, 2],
  [96, 2],
] as const;

/** How many features a picture has, over which a Fréchet distance can be taken, and how many logits. */
export const evalnetSizes = { features: 128, logits: 26 } as const;

/**
 * The townscapes evaluation network, a small classifier trained on the data set alone: pictures [n 3 64 64] in −1 … 1 →
 * features [n 128] and logits [n 26], which `Tally` reads. Weights: `fixtures/townscapes/evalnet.safetensors`, layers as
 * its README says. It stands in where the weights of standard metrics are not at hand; its numbers compare with nothing
 * but themselves.
 */
export function evalnet(p: Params, image: Tensor): { readonly features: Tensor; readonly logits: Tensor } {
  const h = convolutions.reduce((x, [co, stride], i) => relu(conv(p.at("conv").at(i), x, co, 3, { stride })), image);
  const [n, c, height, width] = h.dims("n c h w");
  const flat = reshape({ x: h }, { shape: [n, c * height * width] });
  const features = relu(linear(p.at("fc1"), flat, evalnetSizes.features));
  return { features, logits: linear(p.at("fc2"), features, evalnetSizes.logits) };
}

/** The evaluation network alone: `image` [batch 3 64 64] → `features` [batch 128], `logits` [batch 26]. */
export function evalnetGraph(batch = 1): Graph {
  const graph = new Graph();
  const { features, logits } = evalnet(graph.scope(), graph.input("image", [batch, 3, 64, 64]));
  graph.output("features", features);
  graph.output("logits", logits);
  return graph;
}

/** The evaluation network on a device, for any number of pictures: `image` → `features`, `logits`. */
export const openEvalnet = (backend: Backend, weights: WeightSource, batch = 16): Promise<Batched> =>
  openBatched(evalnetGraph(batch), backend, { weights });

/** A scene as networks want it: planes [3 64 64] in −1 … 1. */
export function pixelsOf({ image }: Pick<Townscape, "image">): Float32Array {
  const plane = image.length / 3;
  return Float32Array.from({ length: image.length }, (_, i) => {
    const [c, pixel] = [Math.floor(i / plane), i % plane];
    return image[3 * pixel + c] / 127.5 - 1;
  });
}
