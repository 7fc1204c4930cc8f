import { Graph, type Backend, type Params, type Tensor } from "@tessera/kernels";
import { add, concat, conv2d, reshape, slice, tokens } from "@tessera/kernels/ops";
import {
  clipLayers,
  clipTextEncoder,
  layerNorm,
  linear,
  parseClipTextConfig,
  type ClipTextConfig,
} from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import * as v from "valibot";
import { needed } from "./MissingWeightsError.ts";
import { openBatched } from "./openBatched.ts";
import { resample } from "./resample.ts";

const whole = v.pipe(v.number(), v.integer(), v.minValue(1));

/** transformers' CLIPVisionConfig: the fields that shape the network. */
const VisionSchema = v.object({
  hidden_size: v.optional(whole, 768),
  intermediate_size: v.optional(whole, 3072),
  num_hidden_layers: v.optional(whole, 12),
  num_attention_heads: v.optional(whole, 12),
  image_size: v.optional(whole, 224),
  patch_size: v.optional(whole, 32),
  hidden_act: v.optional(v.picklist(["quick_gelu", "gelu"]), "quick_gelu"),
  layer_norm_eps: v.optional(v.number(), 1e-5),
});
const ClipSchema = v.object({
  projection_dim: v.optional(whole, 512),
  vision_config: v.optional(VisionSchema, {}),
  text_config: v.optional(v.looseObject({}), {}),
});

export interface ClipConfig {
  readonly projection_dim: number;
  readonly vision_config: v.InferOutput<typeof VisionSchema>;
  readonly text_config: ClipTextConfig;
}

/** Reads a CLIPModel's `config.json`; fields that are absent take transformers' defaults, those of ViT-B/32. */
export function parseClipConfig(json: unknown): ClipConfig {
  const config = v.parse(ClipSchema, json);
  return { ...config, text_config: parseClipTextConfig(config.text_config) };
}

/** openai/clip-vit-large-patch14, whose text transformer is that of Stable Diffusion 1.5. */
export const clipVitLarge14: ClipConfig = parseClipConfig({
  projection_dim: 768,
  vision_config: {
    hidden_size: 1024,
    intermediate_size: 4096,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    patch_size: 14,
  },
  text_config: { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12 },
});

/**
 * CLIP's vision transformer with its projection (Radford et al. 2021, §2.4): pixels [n 3 s s], as `clipPixels` makes
 * them → embeddings [n projection_dim]. Parameter names are those of transformers' CLIPModel, misspelling included.
 */
export function clipImage(p: Params, pixels: Tensor, { projection_dim, vision_config: c }: ClipConfig): Tensor {
  const [n] = pixels.shape;
  const { hidden_size: e, patch_size: patch, layer_norm_eps: eps } = c;
  const model = p.at("vision_model");
  const embeddings = model.at("embeddings");
  const weight = embeddings.at("patch_embedding").get("weight", [e, 3, patch, patch]);
  const patches = tokens({ x: conv2d({ x: pixels, weight }, { stride: patch }) });
  const one = reshape({ x: embeddings.get("class_embedding", [e]) }, { shape: [1, 1, e] });
  const each = Array.from({ length: n - 1 }, () => one).reduce((a, b) => concat({ a, b }, { axis: 0 }), one);
  const all = concat({ a: each, b: patches }, { axis: 1 });
  const positions = embeddings.at("position_embedding").get("weight", [all.shape[1], e]);
  const h = clipLayers(model, layerNorm(model.at("pre_layrnorm"), add(all, positions), eps), c, false);
  const first = reshape({ x: slice({ x: h }, { axis: 1, begin: 0, end: 1 }) }, { shape: [n, e] });
  return linear(p.at("visual_projection"), layerNorm(model.at("post_layernorm"), first, eps), projection_dim, {
    bias: false,
  });
}

/** CLIP's text transformer with its projection at every token: ids [n t] → [n t projection_dim]. */
export const clipText = (p: Params, input_ids: Tensor, { projection_dim, text_config }: ClipConfig): Tensor =>
  linear(p.at("text_projection"), clipTextEncoder(p, input_ids, text_config), projection_dim, { bias: false });

/** Pictures and texts as points of one space. */
export interface Clip {
  /** `pixels` [n 3 s s] → embeddings [n projection_dim], not normalised. */
  images(pixels: Float32Array): Promise<Float32Array>;
  /** Ids [n t], each row ended and padded by the end-of-text token → embeddings [n projection_dim], not normalised. */
  texts(input_ids: Int32Array): Promise<Float32Array>;
  dispose(): void;
}

/** A graph of the pictures' or the texts' half of CLIP. */
export function clipGraph(half: "image" | "text", config: ClipConfig, batch = 1): Graph {
  const graph = new Graph();
  const { image_size: s } = config.vision_config;
  const { max_position_embeddings: t } = config.text_config;
  if (half === "image")
    graph.output("embeds", clipImage(graph.scope(), graph.input("pixels", [batch, 3, s, s]), config));
  else graph.output("embeds", clipText(graph.scope(), graph.input("input_ids", [batch, t], "i32"), config));
  return graph;
}

/**
 * CLIP on a device, from the weights of transformers' CLIPModel.
 * @throws {MissingWeightsError} if there are no weights
 */
export async function openClip(
  backend: Backend,
  weights: WeightSource | undefined,
  config: ClipConfig,
  batch = 1,
): Promise<Clip> {
  const source = needed(weights, "The CLIP score", "a CLIPModel such as openai/clip-vit-large-patch14");
  const image = await openBatched(clipGraph("image", config, batch), backend, { weights: source });
  const text = await openBatched(clipGraph("text", config, batch), backend, { weights: source });
  const [d, t] = [config.projection_dim, config.text_config.max_position_embeddings];
  return {
    images: async (pixels) => (await image.run({ pixels })).embeds,
    async texts(input_ids) {
      const { embeds } = await text.run({ input_ids });
      const chosen = new Float32Array((input_ids.length / t) * d);
      for (let n = 0; n < input_ids.length / t; n++) {
        const ids = input_ids.subarray(n * t, (n + 1) * t);
        const end = ids.indexOf(Math.max(...ids)); // end of text has the largest id; the first one is not padding
        chosen.set(embeds.subarray((n * t + end) * d, (n * t + end + 1) * d), n * d);
      }
      return chosen;
    },
    dispose() {
      image.dispose();
      text.dispose();
    },
  };
}

const [means, deviations] = [
  [0.48145466, 0.4578275, 0.40821073],
  [0.26862954, 0.26130258, 0.27577711],
];

/**
 * A picture [3 h w] in −1 … 1 as CLIP wants it: the shorter side resampled to `size`, the middle cut out, values
 * standardised by CLIP's own means and deviations. Not rounded to bytes in between, as Pillow does.
 */
export function clipPixels(image: Float32Array, width: number, height: number, size = 224): Float32Array {
  const scale = size / Math.min(width, height);
  const [w, h] = [width, height].map((side) => Math.max(size, Math.floor(side * scale)));
  const resized = resample(image, { width, height }, { width: w, height: h });
  const [left, top] = [Math.floor((w - size) / 2), Math.floor((h - size) / 2)];
  return Float32Array.from({ length: 3 * size * size }, (_, i) => {
    const [c, y, x] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
    return (resized[(c * h + y + top) * w + x + left] / 2 + 0.5 - means[c]) / deviations[c];
  });
}

/** Cosines of n pairs of embeddings [n d], in −1 … 1: what papers on text-to-image call the CLIP score. */
export function clipCosines(a: Float32Array, b: Float32Array, d: number): Float64Array {
  if (a.length !== b.length || a.length % d)
    throw new RangeError(`clipCosines: ${a.length} and ${b.length} numbers are not pairs of ${d}.`);
  return Float64Array.from({ length: a.length / d }, (_, n) => {
    let [dot, aa, bb] = [0, 0, 0];
    for (let i = n * d; i < (n + 1) * d; i++) {
      dot += a[i] * b[i];
      aa += a[i] ** 2;
      bb += b[i] ** 2;
    }
    return dot / Math.sqrt(aa * bb);
  });
}

/** CLIP-S of one pair (Hessel et al. 2021, eq. 1): 2.5 · max(cosine, 0). */
export const clipS = (cosine: number): number => 2.5 * Math.max(cosine, 0);
