import { countMacs, type DeviceTensor, type Graph } from "@tessera/kernels";
import { componentGraph } from "@tessera/models";
import { clampFloat32, combineFloat32, samplers, torchGenerator, type Sampler } from "@tessera/sampling";
import {
  density,
  differenceMask,
  dilate,
  maskPyramid,
  planCache,
  recallGraph,
  recordGraph,
  type CachePlan,
  type Mask,
  type SparsifyOptions,
} from "@tessera/sparse";
import { decodeGraph } from "./decodeGraph.ts";
import { checked, type GenerateOptions, type Parameters } from "./generate.ts";
import { imageFromTensor, imageToTensor, type Image } from "./image.ts";
import { persist } from "./persist.ts";
import { PipelineError } from "./PipelineError.ts";
import { stepwise, type LoadWatch, type Steps } from "./progress.ts";
import { psnr } from "./psnr.ts";
import { SparseNetwork, type ActiveBlocks, type BlockLists, type Inputs } from "./sparseNetwork.ts";
import type { StableDiffusion } from "./stableDiffusion.ts";
import { StateCache, type Patch } from "./stateCache.ts";
import { stepGraph } from "./stepGraph.ts";

export interface EditSessionOptions extends Omit<GenerateOptions, "width" | "height" | "control"> {
  /** The picture as it is. Its size is that of all pictures of the session. */
  readonly image: Image;
  /** The final latents of the generation that made the picture (`Result.latents`); else it is encoded. */
  readonly latents?: Float32Array;
  /** How much of an edited part is redone, above 0 to 1. Default 0.6. */
  readonly strength?: number;
  /**
   * Whose statistics the group norms of VAE encoder and UNet use: "edited" is nearer to the edit as a whole, "original" is
   * faster and keeps less. Default: "edited" for pictures of less than 256×256 pixels, of which an edit is soon a large part.
   */
  readonly statistics?: SparsifyOptions["statistics"];
  /** Bytes for what the UNet made of the original at all steps; default 1 GiB. What does not fit is computed again. */
  readonly cacheBudget?: number;
}

/** The signal stops the edit, in the middle of a step too; the session stays as it was. */
export interface Edit extends LoadWatch {
  /** The session's picture, drawn on; if not given, that picture itself, and then a mask is needed. */
  readonly edited?: Image;
  /** What is edited: white, or opaque and not black. If not given, the pixels that differ. */
  readonly mask?: Image;
  /** Also computes the edit as a whole, to compare: several times the work. Default false. */
  readonly compare?: boolean;
}

export interface EditReport {
  /** Share of the picture that is edited, and what is left of it after the mask has grown. */
  readonly edited: number;
  readonly grown: number;
  readonly blocks: readonly ActiveBlocks[];
  /** Multiply-adds of the edit, counted on the graphs: as a whole and by blocks. */
  readonly macs: { readonly dense: number; readonly sparse: number };
  /**
   * Milliseconds, measured: loading; recording the original (since the last edit); recalling it, from the cache or by
   * computing it again; the edit by blocks, and as a whole if that was asked for.
   */
  readonly ms: {
    readonly load: number;
    readonly record: number;
    readonly recall: number;
    readonly sparse: number;
    readonly dense?: number;
  };
  /** Bytes that the recording of one evaluation takes on the device. */
  readonly stateBytes: number;
  /** What was kept of the original, and what the edit computed again of it. */
  readonly cache: CachePlan;
  /** Peak signal-to-noise ratio to the edit as a whole, in dB: of the picture, and within the grown mask. Infinite if equal. */
  readonly psnr?: { readonly all: number; readonly inside: number };
}

export interface EditResult {
  readonly image: Image;
  /** The edit as a whole, if it was asked for. */
  readonly dense?: Image;
  readonly report: EditReport;
  readonly parameters: Parameters;
}

/**
 * A picture that is being edited, with what the networks make of it: see `openEditSession`. If the device is lost and there
 * is another one in its place, what is recorded is recorded there again.
 */
export interface EditSession {
  readonly width: number;
  readonly height: number;
  readonly parameters: Parameters;
  /** The picture now: the one given, or what was accepted last, or gone back to. */
  readonly image: Image;
  /** What is kept of the original, and what that costs. */
  readonly cache: CachePlan;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /**
   * One edit of `image`, by blocks. It commits nothing: the next one begins with the same picture.
   *
   * @throws {PipelineError} for pictures of another size, or an edit that changes nothing
   */
  edit(edit: Edit): Promise<EditResult>;
  /**
   * Makes the last edit's result the picture. The UNet's cache takes over the tiles that changed, at the cost of about
   * another edit, which may be stopped; the VAE's networks are recorded anew with the next edit.
   *
   * @throws {PipelineError} if there is no result that is not accepted yet
   */
  accept(watch?: LoadWatch): Promise<void>;
  /** Takes the last acceptance back, and the cache with it; false if there is none. */
  undo(): Promise<boolean>;
  redo(): Promise<boolean>;
  /** Frees the memory on the device and the cache; a second call does nothing. */
  dispose(): void;
}

/** A picture as the session knows it. */
interface Picture {
  readonly image: Image;
  /** Planes [3 h w]. */
  readonly planes: Float32Array;
  /** Latents before each step, and after the last. */
  readonly path: readonly Float32Array[];
}

/** A way back, or forth again. */
interface Turn {
  readonly picture: Picture;
  readonly patches: readonly Patch[];
}

/**
 * Loads a picture for edits (SDEdit, Meng et al. 2022) that compute only what they touch (Li et al. 2022): it is encoded,
 * noised for each step and evaluated as a whole, and what the networks made of it is kept as far as the budget allows.
 * Each edit then goes through the same steps, with the same noise, by blocks; after each step, what lies outside the mask
 * is the noised original again. Outside the grown mask the result is the picture, but for a halo of 40 pixels of 512.
 *
 * @throws {PipelineError} for a picture that blocks are too large for, or a model made for inpainting
 */
export async function openEditSession(sd: StableDiffusion, options: EditSessionOptions): Promise<EditSession> {
  const { image, strength = 0.6, cacheBudget = 2 ** 30, signal, onProgress } = options;
  const { width, height } = image;
  const isSmall = width * height < 256 ** 2;
  const { statistics = isSmall ? "edited" : "original" } = options;
  const parameters = checked(sd, { ...options, width, height, strength });
  if (sd.inpaints)
    throw new PipelineError("This model is made for inpainting. Edits by blocks need one that takes latents alone.");
  if (sd.apart.length)
    throw new PipelineError("Edits by blocks take LoRAs merged into the weights. Load the model without `apart`.");
  if (!(cacheBudget >= 0)) throw new PipelineError(`The cache budget is ${cacheBudget} bytes. Give 0 or more.`);
  const { guidance, seed, eta, prompt, negativePrompt } = parameters;
  const latentSize = sd.latentSize(parameters);
  const { unet, vae, text_encoder, scheduler } = sd.config;
  const elements = unet.in_channels * latentSize.height * latentSize.width;
  if (options.latents && options.latents.length !== elements)
    throw new PipelineError(
      `The latents have ${options.latents.length} numbers, but a picture of ${width}×${height} has ${elements}.`,
    );
  const latentSide = Math.min(latentSize.width, latentSize.height);
  if (latentSide < 4) throw new PipelineError(`A picture of ${width}×${height} is too small to be edited by blocks.`);

  const ids = [...(guidance > 1 ? [negativePrompt] : []), prompt].map((text) => sd.tokenizer.encode(text));
  const sampler: Sampler = samplers[parameters.sampler](scheduler, parameters.steps, { eta, strength });

  const networks: SparseNetwork[] = [];
  const ms = { load: 0, record: 0, recall: 0, sparse: 0, dense: 0 };
  const timed = async <T>(what: keyof typeof ms, work: Promise<T>): Promise<T> => {
    const from = performance.now();
    try {
      return await work;
    } finally {
      ms[what] += performance.now() - from;
    }
  };
  const disposeAll = () => networks.splice(0).forEach((network) => network.dispose());

  try {
    return await persist(() => sd.exclusive(open), disposeAll);
  } catch (error) {
    disposeAll();
    throw error;
  }

  async function open(): Promise<EditSession> {
    signal?.throwIfAborted();
    const opening = stepwise({ onProgress, signal });
    const textEncoder = await timed("load", sd.textEncoder(ids.length, { signal, onProgress }));
    const text = await (
      await textEncoder.run({ input_ids: Int32Array.from(ids.flatMap((row) => [...row])) }, { signal })
    ).last_hidden_state.read();
    const contexts = ids.map((_, i) =>
      text.subarray((i * text.length) / ids.length, ((i + 1) * text.length) / ids.length),
    );
    const evaluations = sampler.steps.length * contexts.length;

    const [vaeDevice, unetDevice] = await Promise.all(
      (["vae", "unet"] as const).map(async (part) => ({
        backend: sd.backend,
        ...(await sd.part(part)),
      })),
    );
    const own = <T extends SparseNetwork>(network: T): T => {
      networks.push(network);
      return network;
    };
    const encoder = own(
      new SparseNetwork(
        "VAE encoder",
        componentGraph({ component: "vae_encoder", config: vae }, { width, height }),
        { edited: ["sample"], resolution: 8, statistics },
        vaeDevice,
      ),
    );
    let plan!: CachePlan;
    let recalling!: Graph;
    const tokens = text_encoder.max_position_embeddings;
    const step = own(
      new SparseNetwork(
        "UNet",
        stepGraph(unet, { ...latentSize, tokens, guided: false }),
        // Of small pictures' coarser levels, blocks with their halo are about all there is.
        { edited: ["latents"], resolution: isSmall ? Math.max(8, latentSide) : 8, statistics },
        unetDevice,
        ({ full, states }) => {
          plan = planCache(full, states, { evaluations, budget: cacheBudget });
          return (recalling = recallGraph(full, states, plan.kept));
        },
      ),
    );
    const decoder = own(
      new SparseNetwork("VAE decoder", decodeGraph(vae, latentSize), { edited: ["latents"], resolution: 8 }, vaeDevice),
    );
    const recording = recordGraph(step.sparsified.full, plan.kept);
    const cache = new StateCache(plan);
    const cost = { record: countMacs(recording).total, recall: countMacs(recalling).total };
    for (const network of networks) await timed("load", network.load({ onProgress, signal }));

    const generator = torchGenerator(seed);
    const [posterior, noise] = [generator.randn(elements), generator.randn(elements)];
    const fromMoments = (moments: Float32Array) =>
      posterior.map((z, i) => {
        const deviation = Math.exp(0.5 * Math.min(20, Math.max(-30, moments[elements + i])));
        return vae.scaling_factor * (moments[i] + deviation * z);
      });
    const only = async (run: Promise<Record<string, DeviceTensor>>, name: string) => (await run)[name].read();
    const noised = (z: Float32Array, index: number) => {
      const { x, noise: sigma } = index < sampler.steps.length ? sampler.levels[index] : { x: 1, noise: 0 };
      return combineFloat32([x, z], [sigma, noise]);
    };
    const guide = (predictions: readonly Float32Array[]) =>
      predictions.length === 1
        ? predictions[0]
        : predictions[0].map((uncond, i) => uncond + guidance * (predictions[1][i] - uncond));

    /** What the UNet sees of latents before a step, in one evaluation of it. */
    const seen = (latents: Float32Array, index: number, context: Float32Array): Inputs => {
      const row = sampler.steps[index];
      const scale = "input" in row ? row.input : 1;
      return { latents: scale === 1 ? latents : latents.map((x) => scale * x), timestep: [row.t], context };
    };
    const number = (index: number, context: number) => index * contexts.length + context;

    /** Brings an evaluation's states to the device. */
    async function recall(index: number, context: number, steps: Steps): Promise<void> {
      const inputs = seen(now.path[index], index, contexts[context]);
      const evaluation = number(index, context);
      let states: Inputs = {};
      if (cache.has(evaluation)) states = cache.get(evaluation);
      else if (plan.kept.length) states = await step.record(recording, inputs, steps.run(cost.record));
      await step.original({ ...inputs, ...states }, steps.run(cost.recall));
    }
    /** What that costs. */
    const recallCost = (evaluation: number) => cost.recall + (cache.has(evaluation) ? 0 : cost.record);

    /** The picture that the VAE's networks have recorded, and what the decoder made of it. */
    let recorded: Picture | undefined;
    let decoded: Float32Array;
    async function recordVae(steps: Steps): Promise<void> {
      recorded = undefined;
      steps.tell({ phase: "encode", step: 0, total: 1, detail: "recording" });
      await encoder.original({ sample: now.planes }, steps.run());
      await decodeOriginal(steps);
    }
    async function decodeOriginal(steps: Steps): Promise<void> {
      steps.tell({ phase: "decode", step: 0, total: 1, detail: "recording" });
      decoded = await only(decoder.original({ latents: now.path.at(-1)! }, steps.run()), "image");
      recorded = now;
    }
    const onDevice = <T>(work: () => Promise<T>): Promise<T> =>
      sd.exclusive(() =>
        persist(work, () => {
          for (const network of networks) network.forget();
          recorded = undefined;
        }),
      );

    const planes = imageToTensor(image);
    opening.tell({ phase: "encode", step: 0, total: 1 });
    const moments = await timed("record", only(encoder.original({ sample: planes }, opening.run()), "moments"));
    const z0 = options.latents ?? fromMoments(moments);
    opening.tell({ phase: "encode", step: 1, total: 1 });
    const path = Array.from({ length: sampler.steps.length + 1 }, (_, index) => noised(z0, index));
    let now: Picture = { image, planes, path };
    for (let evaluation = 0; evaluation < plan.cached; evaluation++) {
      const index = Math.floor(evaluation / contexts.length);
      opening.tell({ phase: "sample", step: evaluation, total: plan.cached, detail: "recording" });
      const inputs = seen(path[index], index, contexts[evaluation % contexts.length]);
      const states = timed("record", step.record(recording, inputs, opening.run()));
      await timed("record", cache.put(evaluation, await states));
    }
    await timed("record", decodeOriginal(opening));

    let pending: (Picture & { readonly lists: BlockLists }) | undefined;
    const back: Turn[] = [];
    const forth: Turn[] = [];

    function edit({ edited, mask: drawn, compare = false, ...watch }: Edit): Promise<EditResult> {
      return onDevice(async () => {
        watch.signal?.throwIfAborted();
        const steps = stepwise(watch);
        if (!networks.length) throw new PipelineError("This edit session has been disposed. Open another.");
        const before = now;
        const mask = editedPixels(before.image, { edited, mask: drawn });
        const after = edited ? imageToTensor(edited) : before.planes;
        const side = Math.min(width, height) / 512;
        const grown = dilate(mask, Math.max(2, Math.round(5 * side)));
        // The latents' mask grows too, by one of theirs and what rounding adds.
        const around = dilate(grown, Math.max((2 * width) / latentSize.width, Math.round(40 * side)));
        const pyramid = maskPyramid(grown, { minimum: 4, dilation: 1 });
        const latentMask = pyramid.get(`${latentSize.height}x${latentSize.width}`)!;
        const marks = ({ data }: Mask, i: number) => data[i % data.length] === 1;
        const lists = new Map<SparseNetwork, BlockLists>([
          [encoder, encoder.lists(pyramid)],
          [step, step.lists(pyramid)],
          [decoder, decoder.lists(maskPyramid(around, { minimum: 4, dilation: 0 }))],
        ]);
        const run = async (what: Way, network: SparseNetwork, inputs: Inputs, output: string, macs = 1) => {
          const given = what === "sparse" ? lists.get(network) : undefined;
          const watching = steps.run(macs);
          await timed("load", network.prepare(given, watch));
          const made = given ? network.edit(inputs, given, watching) : network.whole(inputs, watching);
          return timed(what, only(made, output));
        };
        const code = async (phase: "encode" | "decode", what: Way, x: Float32Array) => {
          const at = { phase, total: 1, detail: details[what] };
          steps.tell({ ...at, step: 0 });
          const encoding = phase === "encode";
          const [network, output] = encoding ? ([encoder, "moments"] as const) : ([decoder, "image"] as const);
          const made = await run(what, network, encoding ? { sample: x } : { latents: x }, output);
          steps.tell({ ...at, step: 1 });
          return made;
        };

        /** The steps on latents of the edit; what lies outside the mask follows the original. */
        async function denoise(what: Way, z: Float32Array) {
          const total = sampler.steps.length;
          const tell = (index: number, macs?: number) =>
            steps.tell({ phase: "sample", step: index, total, detail: details[what] }, macs);
          const macs = step.macs(lists.get(step)!)[what];
          const evaluate = async (x: Float32Array, index: number) => {
            const costs = contexts.map((_, c) => macs + (what === "sparse" ? recallCost(number(index, c)) : 0));
            tell(index, sum(costs));
            const predictions: Float32Array[] = [];
            for (const [c, context] of contexts.entries()) {
              if (what === "sparse") await timed("recall", recall(index, c, steps));
              predictions.push(await run(what, step, seen(x, index, context), "prediction", macs));
            }
            return guide(predictions);
          };
          const draws = torchGenerator(seed + 1);
          const within = (x: Float32Array, index: number) =>
            x.map((v, i) => (marks(latentMask, i) ? v : before.path[index][i]));
          const path = [within(noised(z, 0), 0)];
          await sampler.run<Float32Array>(() => evaluate(path.at(-1)!, path.length - 1), path[0], {
            signal: watch.signal,
            combine: combineFloat32,
            clamp: clampFloat32,
            gaussian: () => draws.randn(elements),
            constrain(x) {
              path.push(within(x, path.length));
              return path.at(-1)!;
            },
          });
          tell(total);
          return path;
        }

        const redo = async (what: Way) => {
          const path = await denoise(what, fromMoments(await code("encode", what, after)));
          return { path, pixels: await code("decode", what, path.at(-1)!) };
        };

        if (recorded !== now) await timed("record", recordVae(steps));
        const { path, pixels } = await redo("sparse");
        // Around the edit, what decoding alone changes in the picture is taken off; away from it the picture stays.
        const blend = (planes: Float32Array) =>
          planes.map((x, i) => (marks(grown, i) ? x : before.planes[i] + (marks(around, i) ? x - decoded[i] : 0)));

        const dense = compare ? (await redo("dense")).pixels : undefined;
        watch.signal?.throwIfAborted();

        const uses = [
          { network: encoder, times: 1 },
          { network: step, times: evaluations },
          { network: decoder, times: 1 },
        ];
        const macs = { dense: 0, sparse: 0 };
        for (const { network, times } of uses) {
          const one = network.macs(lists.get(network)!);
          macs.dense += times * one.dense;
          macs.sparse += times * one.sparse;
        }
        const { load, record, recall: recalled, sparse: edited_, dense: compared } = ms;
        Object.assign(ms, { load: 0, record: 0, recall: 0, sparse: 0, dense: 0 });
        const report: EditReport = {
          edited: density(mask),
          grown: density(grown),
          blocks: uses.flatMap(({ network }) => network.activeBlocks(lists.get(network)!)),
          macs,
          ms: { load, record, recall: recalled, sparse: edited_, ...(dense && { dense: compared }) },
          stateBytes: step.stateBytes,
          cache: plan,
          ...(dense && { psnr: { all: psnr(pixels, dense), inside: psnr(pixels, dense, grown) } }),
        };
        const result = imageFromTensor(blend(pixels), width, height);
        pending = { image: result, planes: imageToTensor(result), path, lists: lists.get(step)! };
        return {
          image: result,
          ...(dense && { dense: imageFromTensor(blend(dense), width, height) }),
          report,
          parameters,
        };
      });
    }

    /** Another picture takes the session's place, and the cache follows; what leads back is returned. */
    function turn({ picture, patches }: Turn): Turn {
      const before = now;
      now = picture;
      pending = undefined;
      return { picture: before, patches: cache.apply(patches) };
    }

    async function accept(watch: LoadWatch = {}): Promise<void> {
      await onDevice(async () => {
        if (!pending) throw new PipelineError("There is no edit to accept. Call edit first.");
        const { lists, ...picture } = pending;
        const { tiles } = step.sparsified;
        const changed = plan.kept.filter((name) => tiles.has(name));
        const patches: Patch[] = [];
        const steps = stepwise(watch);
        const { sparse } = step.macs(lists);
        for (let evaluation = 0; changed.length && evaluation < plan.cached; evaluation++) {
          const [index, c] = [Math.floor(evaluation / contexts.length), evaluation % contexts.length];
          const at = { step: evaluation, total: plan.cached, detail: "recording" };
          steps.tell({ phase: "sample", ...at }, recallCost(evaluation) + sparse);
          await recall(index, c, steps);
          const inputs = seen(picture.path[index], index, contexts[c]);
          const made = await step.tiles(inputs, lists, changed, steps.run(sparse));
          for (const name of changed)
            patches.push(await cache.patch(evaluation, name, tiles.get(name)!, { lists, tiles: made[name] }));
        }
        watch.signal?.throwIfAborted();
        back.push(turn({ picture, patches }));
        forth.splice(0);
      });
    }

    const move = (from: Turn[], to: Turn[]) => (): Promise<boolean> =>
      sd.exclusive(async () => {
        const next = from.pop();
        if (next) to.push(turn(next));
        return next !== undefined;
      });

    return {
      width,
      height,
      parameters,
      get image() {
        return now.image;
      },
      cache: plan,
      get canUndo() {
        return back.length > 0;
      },
      get canRedo() {
        return forth.length > 0;
      },
      edit,
      accept,
      undo: move(back, forth),
      redo: move(forth, back),
      dispose() {
        disposeAll();
        cache.clear();
      },
    };
  }
}

/**
 * Which pixels an edit of a picture is about.
 *
 * @throws {PipelineError} for pictures of different sizes, or if there are none
 */
export function editedPixels(image: Image, { edited = image, mask: drawn }: Pick<Edit, "edited" | "mask">): Mask {
  const { width, height } = image;
  for (const [what, other] of Object.entries({ edited, mask: drawn }))
    if (other && (other.width !== width || other.height !== height))
      throw new PipelineError(
        `The picture is ${width}×${height}, but ${what} is ${other.width}×${other.height}. Give both in one size.`,
      );
  const difference = () => differenceMask(imageToTensor(image), imageToTensor(edited), { height, width, eps: 0.02 });
  const mask = drawn ? maskOf(drawn) : difference();
  if (mask.data.includes(1)) return mask;
  if (drawn) throw new PipelineError("The mask is black, so nothing is edited. Make white what shall be redone.");
  throw new PipelineError("The edit changes nothing. Draw on the picture, or give a mask.");
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** By blocks, or as a whole. */
type Way = "sparse" | "dense";
const details = { sparse: undefined, dense: "as a whole" };

/** White, or opaque and not black. */
function maskOf({ width, height, data }: Image): Mask {
  const marked = (i: number) => data[4 * i + 3] > 127 && data[4 * i] + data[4 * i + 1] + data[4 * i + 2] > 381;
  return { height, width, data: Uint8Array.from({ length: width * height }, (_, i) => (marked(i) ? 1 : 0)) };
}
