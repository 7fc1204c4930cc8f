import { Graph, type Backend, type Params, type Tensor } from "@tessera/kernels";
import { expr as E } from "@tessera/kernels";
import { pointwise, pool, relu } from "@tessera/kernels/ops";
import { conv } from "@tessera/models";
import { toFloat32, type WeightSource } from "@tessera/safetensors";
import { needed } from "./MissingWeightsError.ts";
import { openBatched } from "./openBatched.ts";

/** Convolutions of a network by the slice they are in and their number in torchvision's `features`. */
interface Backbone {
  readonly slices: readonly (readonly number[])[];
  /** Window and stride of the pooling before each slice but the first. */
  readonly pool: readonly [size: number, stride: number];
  /** Stride of the very first convolution; all others have 1. */
  readonly stride: number;
  /** Filters of each slice. */
  readonly widths: readonly number[];
  /** Which slices have a pooling before them. */
  readonly pooled: readonly number[];
  /** Windows of the convolutions that are not 3×3; and all are padded by `pad`. */
  readonly window: (layer: number) => { readonly size: number; readonly pad: number };
}

const three = { size: 3, pad: 1 };

/** The networks that LPIPS was calibrated for: AlexNet (Krizhevsky 2014) and VGG-16 (Simonyan & Zisserman 2015). */
export const lpipsNets: Record<"alex" | "vgg", Backbone> = {
  alex: {
    slices: [[0], [3], [6], [8], [10]],
    pool: [3, 2],
    stride: 4,
    widths: [64, 192, 384, 256, 256],
    pooled: [1, 2],
    window: (layer) => ({ 0: { size: 11, pad: 2 }, 3: { size: 5, pad: 2 } })[layer] ?? three,
  },
  vgg: {
    slices: [
      [0, 2],
      [5, 7],
      [10, 12, 14],
      [17, 19, 21],
      [24, 26, 28],
    ],
    pool: [2, 2],
    stride: 1,
    widths: [64, 128, 256, 512, 512],
    pooled: [1, 2, 3, 4],
    window: () => three,
  },
};
export type LpipsNet = keyof typeof lpipsNets;

/**
 * The network of LPIPS: pictures [n 3 h w] in −1 … 1 → the features of its five slices. Parameter names are those of
 * `lpips.LPIPS(net=…).state_dict()` (richzhang/PerceptualSimilarity, v0.1); `widths` are the checkpoint's.
 */
export function lpipsFeatures(p: Params, image: Tensor, net: LpipsNet, widths = lpipsNets[net].widths): Tensor[] {
  const {
    slices,
    pool: [size, stride],
    pooled,
    window,
    stride: first,
  } = lpipsNets[net];
  const scaling = p.at("scaling_layer");
  const [shift, scale] = ["shift", "scale"].map((name) => scaling.get(name, [1, 3, 1, 1]));
  const expr = E.div(E.sub(E.value(0), E.value(1)), E.value(2));
  let h = image.graph.apply(pointwise, { x0: image, x1: shift, x2: scale }, { label: "scaling", expr });
  return slices.map((layers, k) => {
    if (pooled.includes(k)) h = pool({ x: h }, { kind: "max", size, stride });
    for (const layer of layers) {
      const { size, pad } = window(layer);
      const options = { stride: layer === 0 ? first : 1, pad };
      h = relu(conv(p.at(`net.slice${k + 1}.${layer}`), h, widths[k], size, options));
    }
    return h;
  });
}

/** LPIPS for pictures of one size. */
export interface Lpips {
  readonly net: LpipsNet;
  /** Distances of n pairs of pictures [n 3 h w] in −1 … 1; 0 for equal ones, larger for those that look less alike. */
  distances(a: Float32Array, b: Float32Array): Promise<Float64Array>;
  dispose(): void;
}

/**
 * Learned perceptual image patch similarity (Zhang, Isola, Efros, Shechtman, Wang 2018, eq. 1), version 0.1: features of
 * both pictures, scaled to unit length at each position; their squared difference weighted by channel (`lin*`), averaged
 * over positions, summed over the slices. The network runs on the backend, the comparison in float64 here. Which network
 * it is, AlexNet or VGG-16, the weights say.
 * @throws {MissingWeightsError} if there are no weights
 */
export async function openLpips(
  backend: Backend,
  weights: WeightSource | undefined,
  { width, height, batch = 1 }: { readonly width: number; readonly height: number; readonly batch?: number },
): Promise<Lpips> {
  const source = needed(weights, "LPIPS", 'lpips.LPIPS(net="alex").state_dict()');
  const net: LpipsNet = source.info("net.slice5.28.weight") ? "vgg" : "alex";
  const standard = lpipsNets[net];
  const widths = standard.widths.map(
    (width, k) => source.info(`net.slice${k + 1}.${standard.slices[k][0]}.weight`)?.shape[0] ?? width,
  );
  const graph = new Graph();
  const slices = lpipsFeatures(graph.scope(), graph.input("image", [batch, 3, height, width]), net, widths);
  slices.forEach((features, k) => graph.output(String(k), features));
  const network = await openBatched(graph, backend, { weights: source });
  const importance = await Promise.all(
    slices.map(async (_, k) => toFloat32(await source.get(`lin${k}.model.1.weight`))),
  );
  return {
    net,
    async distances(a, b) {
      const [first, second] = [await network.run({ image: a }), await network.run({ image: b })];
      const distances = new Float64Array(a.length / (3 * width * height));
      slices.forEach(({ shape: [, c, h, w] }, k) => {
        for (let n = 0; n < distances.length; n++) {
          const part = (all: Float32Array) => all.subarray(n * c * h * w, (n + 1) * c * h * w);
          distances[n] += sliceDistance(part(first[k]), part(second[k]), importance[k], h * w);
        }
      });
      return distances;
    },
    dispose: () => network.dispose(),
  };
}

/** The distance of two pictures in one slice: features [c, positions] against features, weighted by channel. */
function sliceDistance(a: Float32Array, b: Float32Array, importance: Float32Array, positions: number): number {
  let sum = 0;
  for (let i = 0; i < positions; i++) {
    const [u, v] = [length(a, i, positions), length(b, i, positions)];
    for (let c = 0; c < importance.length; c++)
      sum += importance[c] * (a[c * positions + i] / u - b[c * positions + i] / v) ** 2;
  }
  return sum / positions;
}

/** Length of the features at position i; the small addend is the original's, against division by zero. */
function length(features: Float32Array, i: number, positions: number): number {
  let square = 0;
  for (let at = i; at < features.length; at += positions) square += features[at] ** 2;
  return Math.sqrt(square) + 1e-10;
}
