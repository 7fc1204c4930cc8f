import { compile, countMacs, type DeviceTensor, type Graph, type HostTensor, type Program } from "@tessera/kernels";
import { componentGraph } from "@tessera/models";
import { toFloat16Bits, toFloat32, type WeightSource } from "@tessera/safetensors";
import { clampFloat32, combineFloat32, samplers, torchGenerator } from "@tessera/sampling";
import { maskPyramid, sparseMacs, sparsify, type Mask, type MaskPyramid } from "@tessera/sparse";
import * as v from "valibot";
import { psnr } from "../metrics/psnr.ts";
import { median, medianDeviation } from "../stats.ts";
import { pixelsOf } from "../townscapes/evalnet.ts";
import { townscape } from "../townscapes/townscape.ts";
import { squares } from "./editMasks.ts";
import { experiment, type Laboratory, type Settings } from "./experiment.ts";
import { paperFigures } from "./paperFigures.ts";
import { measured } from "./rows.ts";
import type { PaperFigure, Row } from "./run.ts";

const side = 64;
const edits = [1.2, 7.2, 15.5] as const;
const firstScene = 1_000_000;
/** SDEdit: so many steps, of which the last part is done. */
const [steps, strength] = [20, 0.6];
const pruned = 0.4;

/** How the network is evaluated on an edit; `dense` is what the others are held against. */
const methods = ["ours", "crop", "patch", "pruned"] as const;
type Method = (typeof methods)[number];
const described: Record<Method, string> = {
  ours: "blocks, by tiles",
  crop: "blocks, the rectangle around the edit in every layer",
  patch: "the rectangle alone through the network, pasted in",
  pruned: "whole, 40 % of the smallest weights dropped",
};

interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** The smallest rectangle around a mask. */
function boxOf({ height, width, data }: Mask): Box {
  const rows = Array.from({ length: height }, (_, i) => i).filter((i) => data.subarray(i * width, (i + 1) * width).includes(1)); // prettier-ignore
  const columns = Array.from({ length: width }, (_, j) => j).filter((j) => rows.some((i) => data[i * width + j]));
  const [top, left] = [rows[0], columns[0]];
  return { top, left, height: rows.at(-1)! + 1 - top, width: columns.at(-1)! + 1 - left };
}

function filled({ height, width }: Mask, box: Box): Mask {
  const data = new Uint8Array(height * width);
  for (let i = 0; i < box.height; i++)
    data.fill(1, (box.top + i) * width + box.left, (box.top + i) * width + box.left + box.width);
  return { height, width, data };
}

/** Grown to multiples of `unit`, which the network can halve, and within the picture. */
function aligned({ top, left, height, width }: Box, unit: number, size: number): Box {
  const begin = (at: number) => unit * Math.floor(at / unit);
  const end = (at: number) => Math.min(size, unit * Math.ceil(at / unit));
  const [t, l] = [begin(top), begin(left)];
  return { top: t, left: l, height: end(top + height) - t, width: end(left + width) - l };
}

/** Planes [c size size] within a box. */
function cut(planes: Float32Array, size: number, { top, left, height, width }: Box): Float32Array {
  const channels = planes.length / size ** 2;
  return Float32Array.from({ length: channels * height * width }, (_, k) => {
    const [c, i, j] = [Math.floor(k / (height * width)), Math.floor(k / width) % height, k % width];
    return planes[c * size ** 2 + (top + i) * size + left + j];
  });
}

/** Planes with those of a box put in. */
function pasted(planes: Float32Array, size: number, { top, left, height, width }: Box, part: Float32Array) {
  const whole = planes.slice();
  part.forEach((x, k) => {
    const [c, i, j] = [Math.floor(k / (height * width)), Math.floor(k / width) % height, k % width];
    whole[c * size ** 2 + (top + i) * size + left + j] = x;
  });
  return whole;
}

/** Weights of which the smallest are zero in every matrix, vectors left as they are: magnitude pruning, without training. */
function prunedSource(source: WeightSource, share: number): WeightSource {
  return {
    ...source,
    names: () => source.names(),
    info: (name) => source.info(name),
    async get(name) {
      const tensor = await source.get(name);
      if (tensor.shape.length < 2) return tensor;
      const numbers = toFloat32(tensor);
      const least = numbers.map(Math.abs).sort()[Math.floor(share * numbers.length)];
      const kept = numbers.map((x) => (Math.abs(x) < least ? 0 : x));
      const encoded = tensor.dtype === "F16" ? toFloat16Bits(kept) : kept;
      return { ...tensor, data: new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength) };
    },
  };
}

type Inputs = Record<string, HostTensor | DeviceTensor>;

/** Everything that is compiled once: the UNet as a whole, pruned, recording and by blocks. */
async function open(laboratory: Laboratory) {
  const { backend, signal } = laboratory;
  const sd = await laboratory.townscapes();
  const { unet: config } = sd.config;
  const { width: size } = sd.latentSize({ width: side, height: side });
  const weights = await sd.checkpoint.weights("unet");
  const graphOf = (box: Pick<Box, "height" | "width">) =>
    componentGraph({ component: "unet", config }, { ...box, tokens: sd.config.text_encoder.max_position_embeddings });
  const graph = graphOf({ height: size, width: size });
  const programs: Program[] = [];
  const program = async (graph: Graph, source = weights, bound?: Record<string, DeviceTensor>) => {
    const made = await compile(graph, backend, { weights: source, signal, ...(bound && { bound }) });
    programs.push(made);
    return made;
  };
  const sparsified = sparsify(graph, { edited: ["sample"], resolution: 4 });
  const patches = new Map<string, { graph: Graph; program: Promise<Program> }>();
  return {
    sd,
    size,
    graph,
    sparsified,
    dense: await program(graph),
    pruned: await program(graph, prunedSource(weights, pruned)),
    full: await program(sparsified.full),
    sparse: undefined as Program | undefined,
    program,
    patch(box: Box) {
      const key = `${box.height}x${box.width}`;
      if (!patches.has(key)) {
        const graph = graphOf(box);
        patches.set(key, { graph, program: program(graph) });
      }
      return patches.get(key)!;
    },
    dispose: () => programs.toReversed().forEach((one) => one.dispose()),
  };
}
type Opened = Awaited<ReturnType<typeof open>>;

/** One edit of one scene by every method: PSNR to the dense result over the whole picture, and multiply-adds. */
async function edit(percent: number, scene: number, opened: Opened, { signal }: Laboratory) {
  const { sd, size, graph, sparsified } = opened;
  const drawn = townscape(scene);
  const original = pixelsOf(drawn);
  const other = pixelsOf(townscape(scene + 500_000));
  // A square of another scene is pasted in; where it lies changes with the scene.
  const square = squares({ height: side, width: side }, percent / 100, 1);
  const mask = shifted(square, (scene * 37) % side, (scene * 17) % side);
  const edited = original.map((x, i) => (mask.data[i % side ** 2] ? other[i] : x));
  const pyramid = maskPyramid(mask, { minimum: 4, dilation: 1 });
  const kept = pyramid.get(`${size}x${size}`)!;
  const box = boxOf(kept);

  const only = async (run: Promise<Record<string, DeviceTensor>>) => Object.values(await run)[0].read();
  const encoder = await sd.encoder({ width: side, height: side }, { signal });
  const encode = async (sample: Float32Array) => {
    const moments = await only(encoder.run({ sample }, { signal }));
    return moments.subarray(0, moments.length / 2).map((x) => x * sd.config.vae.scaling_factor);
  };
  const decoder = await sd.decoder({ width: side, height: side }, { signal });
  const decode = async (latents: Float32Array) =>
    (await only(decoder.run({ latents }, { signal }))).map((x) => Math.min(1, Math.max(-1, x)));
  const textEncoder = await sd.textEncoder(1, { signal });
  const encoder_hidden_states = await only(
    textEncoder.run({ input_ids: Int32Array.from(sd.tokenizer.encode(drawn.caption)) }, { signal }),
  );

  const [z0, z1] = [await encode(original), await encode(edited)];
  const noise = torchGenerator(scene).randn(z0.length);
  const sampler = samplers.ddim(sd.config.scheduler, steps, { strength });
  const noised = (z: Float32Array, index: number) => {
    const { x, noise: sigma } = index < sampler.steps.length ? sampler.levels[index] : { x: 1, noise: 0 };
    return combineFloat32([x, z], [sigma, noise]);
  };
  /** SDEdit with a way to evaluate the network, given the noised original beside the noised edit. */
  const denoise = (evaluate: (x: Float32Array, t: number, original: Float32Array) => Promise<Float32Array>) => {
    let index = 0;
    return sampler.run<Float32Array>((x, t) => evaluate(x, t, noised(z0, index)), noised(z1, 0), {
      signal,
      combine: combineFloat32,
      clamp: clampFloat32,
      constrain(x) {
        index++;
        const outside = noised(z0, index);
        return x.map((value, i) => (kept.data[i % kept.data.length] ? value : outside[i]));
      },
    });
  };
  const whole = (program: Program) => (sample: Float32Array, t: number) =>
    only(program.run({ sample, timestep: [t], encoder_hidden_states }, { signal }));
  const byBlocks = (masks: MaskPyramid) => {
    const lists = sparsified.blocks(masks);
    return {
      macs: sparseMacs(sparsified.sparse, lists),
      async evaluate(sample: Float32Array, t: number, before: Float32Array) {
        const shared: Inputs = { timestep: [t], encoder_hidden_states };
        const outputs = await opened.full.run({ ...shared, sample: before }, { signal });
        const states = Object.fromEntries(sparsified.states.map((name) => [name, outputs[name]]));
        opened.sparse ??= await opened.program(sparsified.sparse, undefined, states);
        const given: Inputs = { ...shared, sample, ...lists, ...states };
        const names = [...sparsified.sparse.inputs.keys()];
        return only(opened.sparse.run(Object.fromEntries(names.map((name) => [name, given[name]])), { signal }));
      },
    };
  };

  const boxes: MaskPyramid = new Map([...pyramid].map(([key, level]) => [key, filled(level, boxOf(level))]));
  const [ours, crop] = [byBlocks(pyramid), byBlocks(boxes)];
  const patch = aligned(box, 2 ** (sd.config.unet.block_out_channels.length - 1), size);
  const own = opened.patch(patch);
  const patched = await own.program;
  const attention = countMacs(graph).byOp.attention ?? 0;
  const total = countMacs(graph).total;
  const evaluations = {
    ours,
    crop,
    patch: {
      macs: countMacs(own.graph).total,
      evaluate: async (x: Float32Array, t: number, before: Float32Array) =>
        pasted(before, size, patch, await whole(patched)(cut(x, size, patch), t)),
    },
    pruned: { macs: attention + (1 - pruned) * (total - attention), evaluate: whole(opened.pruned) },
  };
  const dense = await decode(await denoise(whole(opened.dense)));
  const results = [];
  for (const method of methods) {
    const { evaluate, macs } = evaluations[method];
    const picture = await decode(await denoise(evaluate));
    // Equal pictures have no finite ratio; they count as 100 dB.
    results.push({ method, macs, psnr: Math.min(100, psnr(dense, picture, { range: 2 })) });
  }
  return { macs: total, results };
}

/** The rectangle around a mask, moved down and right as far as the picture allows, and from the other end from there. */
function shifted({ height, width, data }: Mask, down: number, right: number): Mask {
  const { height: h, width: w, top, left } = boxOf({ height, width, data });
  const [t, l] = [(top + down) % (height - h + 1), (left + right) % (width - w + 1)];
  return filled({ height, width, data }, { top: t, left: l, height: h, width: w });
}

/** Pictures of one part. */
const chunk = 8;

function parts({ pictures }: Settings) {
  return edits.flatMap((percent) =>
    Array.from({ length: Math.ceil(pictures / chunk) }, (_, i) => {
      const first = firstScene + chunk * i;
      const count = Math.min(chunk, pictures - chunk * i);
      return { percent, first, count };
    }),
  );
}

export const sigeFidelity = experiment({
  id: "sige-fidelity",
  question: "How near is an edit by tiles to the same edit computed as a whole, beside other ways to save?",
  outcome: v.object({
    percent: v.number(),
    macs: v.number(),
    pictures: v.array(v.array(v.object({ method: v.picklist(methods), macs: v.number(), psnr: v.number() }))),
  }),
  parts: (settings) =>
    parts(settings).map(({ percent, first, count }) => ({
      name: `${percent} %, scenes ${first} to ${first + count - 1}`,
      async run(laboratory) {
        const opened = await laboratory.once("sige-fidelity", () => open(laboratory));
        const pictures = [];
        let macs = 0;
        for (let scene = first; scene < first + count; scene++) {
          const one = await opened.sd.exclusive(() => edit(percent, scene, opened, laboratory));
          macs = one.macs;
          pictures.push(one.results);
        }
        return { percent, macs, pictures };
      },
    })),
  tables(outcomes) {
    const { fidelity } = paperFigures.sige;
    const paper: Partial<Record<Method, { psnr: PaperFigure; macs: PaperFigure }>> = {
      ours: { psnr: fidelity.ddpm.ours, macs: fidelity.ddpm.oursMacs },
      patch: { psnr: fidelity.ddpm.patch, macs: fidelity.ddpm.patchMacs },
      pruned: { psnr: fidelity.ddpm.pruned, macs: fidelity.ddpm.prunedMacs },
    };
    const rows: Row[] = [];
    const medians = new Map<string, number>();
    for (const percent of edits) {
      const own = [...outcomes.values()].filter((outcome) => outcome.percent === percent);
      for (const method of methods) {
        const of = own.flatMap(({ pictures }) => pictures.map((results) => results.find((r) => r.method === method)!));
        const decibels = of.map((result) => result.psnr);
        const keys = { method, edit: percent };
        const subject = `${percent} %, ${method}: ${described[method]}`;
        const note = "the paper's is DDPM on LSUN churches, over all its edits";
        medians.set(`${method} ${percent}`, median(decibels));
        rows.push(
          measured(
            { subject, quantity: "PSNR to the whole network's picture", unit: "dB", keys },
            { value: median(decibels), spread: medianDeviation(decibels), samples: decibels.length },
            { paper: paper[method]?.psnr, ...(paper[method] && { note }) },
          ),
          measured(
            { subject, quantity: "fewer multiply-adds", unit: "×", keys },
            { value: own[0].macs / median(of.map(({ macs }) => macs)), samples: of.length },
            { paper: paper[method]?.macs },
          ),
        );
      }
    }
    const db = (method: Method, percent: number) => `${medians.get(`${method} ${percent}`)!.toFixed(1)} dB`;
    return [
      {
        title: "Edits of townscapes, 64×64",
        rows,
        findings: edits.map(
          (percent) =>
            `At ${percent} %, tiles reach ${db("ours", percent)} against the whole network, the patch ${db("patch", percent)}, the pruned network ${db("pruned", percent)}.`,
        ),
      },
    ];
  },
});
