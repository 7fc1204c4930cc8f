import { compile, countMacs, type DeviceTensor, type Graph, type HostTensor, type Program } from "@tessera/kernels";
import { componentGraph } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { combineFloat32, clampFloat32, samplers, torchGenerator, type Sampler } from "@tessera/sampling";
import {
  density,
  differenceMask,
  dilate,
  maskPyramid,
  sparseMacs,
  sparsify,
  type Mask,
  type MaskPyramid,
  type Sparsified,
} from "@tessera/sparse";
import { decodeGraph } from "./decodeGraph.ts";
import { checked, type GenerateOptions, type Parameters } from "./generate.ts";
import { imageFromTensor, imageToTensor, type Image } from "./image.ts";
import { PipelineError } from "./PipelineError.ts";
import type { StableDiffusion } from "./stableDiffusion.ts";
import { stepGraph } from "./stepGraph.ts";

export interface EditOptions extends GenerateOptions {
  /** The picture as it was. Its size is the result's. */
  readonly image: Image;
  /** The same picture, drawn on. */
  readonly edited: Image;
  /** What is edited: white, or opaque and not black. If not given, the pixels that differ. */
  readonly mask?: Image;
  /** How much of the edited part is redone, above 0 to 1. Default 0.6. */
  readonly strength?: number;
  /** Also computes the edit as a whole, to compare: several times the work. Default false. */
  readonly compare?: boolean;
}

/** Blocks of one geometry in one network. */
export interface ActiveBlocks {
  readonly network: string;
  /** Of the picture that the blocks lie on. */
  readonly height: number;
  readonly width: number;
  /** Pixels that a block reads and writes, each way. */
  readonly size: number;
  readonly tile: number;
  readonly active: number;
  readonly all: number;
  /** [row, column] of the top left of each active tile, in pixels of height × width; each is step × step of those. */
  readonly tiles: Int32Array;
  readonly step: number;
}

export interface EditReport {
  /** Share of the picture that is edited, and what is left of it after the mask has grown. */
  readonly edited: number;
  readonly grown: number;
  readonly blocks: readonly ActiveBlocks[];
  /** Multiply-adds of the edit, counted on the graphs: as a whole and by blocks. */
  readonly macs: { readonly dense: number; readonly sparse: number };
  /** Milliseconds, measured: recording the original, the edit by blocks, and as a whole if that was asked for. */
  readonly ms: { readonly load: number; readonly record: number; readonly sparse: number; readonly dense?: number };
  /** Bytes that the recording of one evaluation of the UNet takes. */
  readonly stateBytes: number;
  /** Peak signal-to-noise ratio to the edit as a whole, in dB: of the picture, and within the grown mask. */
  readonly psnr?: { readonly all: number; readonly inside: number };
}

export interface EditResult {
  readonly image: Image;
  /** The edit as a whole, if it was asked for. */
  readonly dense?: Image;
  readonly report: EditReport;
  readonly parameters: Parameters;
}

/** A network as it is used on an original and on its edit. */
interface Network {
  readonly name: string;
  readonly graph: Graph;
  readonly sparsified: Sparsified;
  /** The active blocks. */
  readonly lists: Record<string, Int32Array>;
  readonly full: Program;
  /** Reads what `full` recorded where it lies, so it can be made only once that has run. */
  sparse?: Program;
  readonly weights: WeightSource;
  readonly dense?: Program;
}

type Inputs = Record<string, HostTensor | DeviceTensor>;

/**
 * An edit of a picture by strokes (SDEdit, Meng et al. 2022) that computes only what the edit touches (Li et al. 2022):
 * the picture as it was is encoded, noised and evaluated as a whole, which records what the networks make of it; its
 * edited version then goes through the same steps, with the same noise, by blocks. After each step, what lies outside the
 * mask is the noised original again. Outside the grown mask the result is the given picture, but for a halo that the
 * decoder sees.
 *
 * @throws {PipelineError} for pictures of different sizes, or an edit that changes nothing
 */
export async function editSparse(sd: StableDiffusion, options: EditOptions): Promise<EditResult> {
  const { image, edited, compare = false, strength = 0.6, signal, onProgress } = options;
  const { width, height } = image;
  for (const [what, other] of Object.entries({ edited, mask: options.mask }))
    if (other && (other.width !== width || other.height !== height))
      throw new PipelineError(
        `The picture is ${width}×${height}, but ${what} is ${other.width}×${other.height}. Give both in one size.`,
      );
  const parameters = checked(sd, { ...options, width, height, strength });
  const { steps, guidance, seed, eta, prompt, negativePrompt } = parameters;
  const [before, after] = [imageToTensor(image), imageToTensor(edited)];
  const mask = options.mask ? maskOf(options.mask) : differenceMask(before, after, { height, width, eps: 0.02 });
  if (!mask.data.includes(1)) throw new PipelineError("The edit changes nothing. Draw on the picture, or give a mask.");
  const side = Math.min(width, height) / 512;
  const grown = dilate(mask, Math.max(2, Math.round(5 * side)));
  const around = dilate(grown, Math.max(4, Math.round(40 * side)));
  const pyramid = maskPyramid(grown, { minimum: 4, dilation: 1 });
  const decoderPyramid = maskPyramid(around, { minimum: 4, dilation: 0 });
  const latent = sd.latentSize(parameters);
  const kept = pyramid.get(`${latent.height}x${latent.width}`);
  if (!kept) throw new PipelineError(`A picture of ${width}×${height} is too small to be edited by blocks.`);

  return sd.exclusive(async () => {
    const networks: Network[] = [];
    try {
      let clock = performance.now();
      const lap = () => -clock + (clock = performance.now());
      const guided = guidance > 1;
      const ids = [...(guided ? [negativePrompt] : []), prompt].map((text) => sd.tokenizer.encode(text));
      const { unet, vae, text_encoder, scheduler } = sd.config;
      const tokens = text_encoder.max_position_embeddings;
      const make = async (
        name: string,
        part: "unet" | "vae",
        graph: Graph,
        input: string,
        masks: MaskPyramid,
      ): Promise<Network> => {
        const sparsified = sparsify(graph, { edited: [input], resolution: 8 });
        const weights = await sd.checkpoint.weights(part);
        const program = (g: Graph) => compile(g, sd.backend, { weights, signal });
        const full = await program(sparsified.full);
        const lists = sparsified.blocks(masks);
        const network: Network = {
          name,
          graph,
          sparsified,
          lists,
          full,
          weights,
          ...(compare && { dense: await program(graph) }),
        };
        networks.push(network);
        return network;
      };
      const encoderGraph = componentGraph({ component: "vae_encoder", config: vae }, { width, height });
      const encoder = await make("VAE encoder", "vae", encoderGraph, "sample", pyramid);
      const step = await make(
        "UNet",
        "unet",
        stepGraph(unet, { ...latent, tokens, guided: false }),
        "latents",
        pyramid,
      );
      const decoder = await make("VAE decoder", "vae", decodeGraph(vae, latent), "latents", decoderPyramid);
      const textEncoder = await sd.textEncoder(ids.length, { signal });
      const load = lap();

      const input_ids = Int32Array.from(ids.flatMap((row) => [...row]));
      const text = await (await textEncoder.run({ input_ids }, { signal })).last_hidden_state.read();
      const contexts = ids.map((_, i) =>
        text.subarray((i * text.length) / ids.length, ((i + 1) * text.length) / ids.length),
      );
      const generator = torchGenerator(seed);
      const elements = unet.in_channels * latent.height * latent.width;
      const [posterior, noise] = [generator.randn(elements), generator.randn(elements)];
      const fromMoments = (moments: Float32Array) =>
        posterior.map((z, i) => {
          const deviation = Math.exp(0.5 * Math.min(20, Math.max(-30, moments[elements + i])));
          return vae.scaling_factor * (moments[i] + deviation * z);
        });
      const ms = { load, record: 0, sparse: 0, dense: 0 };
      const timed = async <T>(what: keyof typeof ms, work: Promise<T>): Promise<T> => {
        const from = performance.now();
        const result = await work;
        ms[what] += performance.now() - from;
        return result;
      };
      const only = async (run: Promise<Record<string, DeviceTensor>>) => Object.values(await run)[0].read();

      /** What a network makes of the original, then of the edit by blocks. */
      async function both(network: Network, original: Inputs, edit: Inputs) {
        const { full, sparsified, lists, weights } = network;
        const outputs = await timed("record", full.run(original, { signal }));
        const states = Object.fromEntries(sparsified.states.map((name) => [name, outputs[name]]));
        const sparse = (network.sparse ??= await timed(
          "load",
          compile(sparsified.sparse, sd.backend, { weights, bound: states, signal }),
        ));
        const given = { ...edit, ...lists, ...states };
        const needed = Object.fromEntries([...sparse.plan.graph.inputs.keys()].map((name) => [name, given[name]]));
        const result = await timed("sparse", only(sparse.run(needed, { signal })));
        return { result, original: () => Object.values(outputs)[0].read() };
      }
      const guide = (predictions: readonly Float32Array[]) =>
        predictions.length === 1
          ? predictions[0]
          : predictions[0].map((uncond, i) => uncond + guidance * (predictions[1][i] - uncond));

      const encoded = await both(encoder, { sample: before }, { sample: after });
      const z0 = fromMoments(await encoded.original());
      const sampler: Sampler = samplers[parameters.sampler](scheduler, steps, { eta, strength });
      const noised = (z: Float32Array, index: number) => {
        const { x, noise: sigma } = index < sampler.steps.length ? sampler.levels[index] : { x: 1, noise: 0 };
        return combineFloat32([x, z], [sigma, noise]);
      };
      const inLatent = (i: number) => kept.data[i % kept.data.length] === 1;
      const total = sampler.steps.length;
      /** The steps on latents of the edit; `evaluate` predicts, given the noised original beside it. */
      const denoise = (
        z: Float32Array,
        evaluate: (x: Float32Array, t: number, original: Float32Array) => Promise<Float32Array>,
      ) => {
        let index = 0;
        const draws = torchGenerator(seed + 1);
        return sampler.run<Float32Array>((x, t) => evaluate(x, t, noised(z0, index)), noised(z, 0), {
          signal,
          combine: combineFloat32,
          clamp: clampFloat32,
          gaussian: () => draws.randn(elements),
          constrain(x) {
            index++;
            const outside = noised(z0, index);
            return x.map((value, i) => (inLatent(i) ? value : outside[i]));
          },
          onStep: ({ index: done }) => onProgress?.({ phase: "sample", step: done + 1, total }),
        });
      };
      const latents = await denoise(fromMoments(encoded.result), async (x, t, original) => {
        const predictions: Float32Array[] = [];
        for (const context of contexts) {
          const shared = { timestep: [t], context };
          const pair = await both(step, { ...shared, latents: original }, { ...shared, latents: x });
          predictions.push(pair.result);
        }
        return guide(predictions);
      });
      const decoded = await both(decoder, { latents: z0 }, { latents });
      const originalDecoded = await decoded.original();

      let dense: Float32Array | undefined;
      if (compare) {
        const run = (network: Network, inputs: Inputs) => timed("dense", only(network.dense!.run(inputs, { signal })));
        const z = fromMoments(await run(encoder, { sample: after }));
        const whole = await denoise(z, async (x, t) => {
          const predictions: Float32Array[] = [];
          for (const context of contexts) predictions.push(await run(step, { timestep: [t], context, latents: x }));
          return guide(predictions);
        });
        dense = await run(decoder, { latents: whole });
      }

      const evaluations = total * contexts.length;
      const uses = [
        { network: encoder, times: 1 },
        { network: step, times: evaluations },
        { network: decoder, times: 1 },
      ];
      const blocks = uses.flatMap(({ network }) =>
        network.sparsified.sets.map(({ key, height, width, size, tile, rows, columns, offset, step }) => {
          const tiles = (network.lists[`at.${key}`] ?? new Int32Array(0)).map((at, i) => at + offset[i % 2]);
          const active = tiles.length / 2;
          return { network: network.name, height, width, size, tile, active, all: rows * columns, tiles, step };
        }),
      );
      const sum = (cost: (use: (typeof uses)[number]) => number) =>
        uses.reduce((s, use) => s + use.times * cost(use), 0);
      const fullGraph = step.sparsified.full;
      const report: EditReport = {
        edited: density(mask),
        grown: density(grown),
        blocks,
        macs: {
          dense: sum(({ network }) => countMacs(network.graph).total),
          sparse: sum(({ network }) => sparseMacs(network.sparsified.sparse, network.lists)),
        },
        ms: { load: ms.load, record: ms.record, sparse: ms.sparse, ...(dense && { dense: ms.dense }) },
        stateBytes: step.sparsified.states.reduce(
          (bytes, name) => bytes + 4 * fullGraph.outputs.get(name)!.elements,
          0,
        ),
        ...(dense && { psnr: { all: psnr(decoded.result, dense), inside: psnr(decoded.result, dense, grown) } }),
      };
      // Away from the edit, the given picture stays: what decoding alone changes in it is taken off.
      const blend = (pixels: Float32Array) =>
        pixels.map((x, i) => (grown.data[i % grown.data.length] ? x : before[i] + x - originalDecoded[i]));
      return {
        image: imageFromTensor(blend(decoded.result), width, height),
        ...(dense && { dense: imageFromTensor(blend(dense), width, height) }),
        report,
        parameters,
      };
    } finally {
      for (const { full, sparse, dense } of networks) for (const program of [sparse, full, dense]) program?.dispose();
    }
  });
}

/** White, or opaque and not black. */
function maskOf({ width, height, data }: Image): Mask {
  const marked = (i: number) => data[4 * i + 3] > 127 && data[4 * i] + data[4 * i + 1] + data[4 * i + 2] > 381;
  return { height, width, data: Uint8Array.from({ length: width * height }, (_, i) => (marked(i) ? 1 : 0)) };
}

/** 10 log₁₀(2² / mean squared difference) of pictures in −1 … 1 (limited to it), within a mask if one is given. */
function psnr(a: Float32Array, b: Float32Array, mask?: Mask): number {
  const limit = (x: number) => Math.min(1, Math.max(-1, x));
  let [sum, count] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (mask && !mask.data[i % mask.data.length]) continue;
    sum += (limit(a[i]) - limit(b[i])) ** 2;
    count++;
  }
  return 10 * Math.log10((4 * count) / sum);
}
