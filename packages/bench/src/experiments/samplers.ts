import { imageToTensor, textToImage, type StableDiffusion } from "@tessera/pipelines";
import { clampFloat32, combineFloat32, samplers as all, torchGenerator, type SamplerName } from "@tessera/sampling";
import { memorySource } from "@tessera/safetensors";
import * as v from "valibot";
import { FeatureStatistics } from "../metrics/FeatureStatistics.ts";
import { frechetDistance } from "../metrics/frechetDistance.ts";
import { median, medianDeviation } from "../stats.ts";
import { evalnetSizes, openEvalnet, pixelsOf } from "../townscapes/evalnet.ts";
import { readCaption } from "../townscapes/readCaption.ts";
import { judgements, Tally, type Judgement } from "../townscapes/Tally.ts";
import { townscape } from "../townscapes/townscape.ts";
import { experiment, type Laboratory, type Settings } from "./experiment.ts";
import { impossible, measured } from "./rows.ts";
import type { Row } from "./run.ts";

/** Held-out scenes begin here; their captions are the prompts. */
const firstScene = 1_000_000;
const guidance = 6;
/** Made for distilled networks, and this one is none. */
const forDistilled: readonly SamplerName[] = ["lcm", "ufogen", "progressive_distillation"];
/** These draw noise on the way: they end elsewhere than an exact solution, and only their pictures count. */
const stochastic: readonly SamplerName[] = ["ddpm", "euler_a", "dpmpp_2m_sde", "dpmpp_2m_sde_karras"];
const names = (Object.keys(all) as SamplerName[]).filter((name) => !forDistilled.includes(name));

const counts = ({ quick }: Settings) => (quick ? [5, 10, 20] : [5, 10, 20, 50]);
/** Of the solution that the others are held against. */
const solutionSteps = 1000;
/** From so many pictures on there is a Fréchet distance too, of pictures made in so many steps. */
const frechet = { pictures: 1000, steps: 20 };

/** Scenes of one part: one, so that little is lost; many, where statistics are kept for each part. */
function chunks({ pictures }: Settings): { first: number; count: number }[] {
  const size = pictures >= frechet.pictures ? 250 : 1;
  return Array.from({ length: Math.ceil(pictures / size) }, (_, i) => ({
    first: firstScene + i * size,
    count: Math.min(size, pictures - i * size),
  }));
}

const numbers = v.array(v.number());
const StatisticsSchema = v.object({ count: numbers, sum: numbers, products: numbers });
type Statistics = v.InferOutput<typeof StatisticsSchema>;
const statisticNames = ["count", "sum", "products"] as const;

function written(statistics: FeatureStatistics): Statistics {
  const tensors = statistics.tensors() as Record<string, { data: Uint8Array }>;
  const of = (name: string) => [...new Float64Array(Uint8Array.from(tensors[name].data).buffer)];
  return { count: of("count"), sum: of("sum"), products: of("products") };
}

const read = (statistics: Statistics): Promise<FeatureStatistics> =>
  FeatureStatistics.from(
    memorySource(
      Object.fromEntries(
        statisticNames.map((name) => {
          const numbers = Float64Array.from(statistics[name]);
          return [name, { dtype: "F64", shape: [numbers.length], data: new Uint8Array(numbers.buffer) }];
        }),
      ),
    ),
  );

const tallied = v.object(
  Object.fromEntries(judgements.map((name) => [name, v.number()])) as Record<Judgement, v.NumberSchema<undefined>>,
);
const RunOutcome = v.object({
  sampler: v.string(),
  steps: v.number(),
  /** Root mean square difference of latents to the solution's, picture by picture. */
  distances: v.array(v.number()),
  right: tallied,
  of: tallied,
  features: v.optional(StatisticsSchema),
});

/**
 * The latents that DDIM comes to in 1000 steps from a seed's noise. It steps at every timestep from 999 to 0, so without
 * the offset of the checkpoint's scheduler, which `textToImage` would insist on.
 */
async function solve(sd: StableDiffusion, prompt: string, seed: number, signal: AbortSignal): Promise<Float32Array> {
  const { unet, scheduler, width, height } = sd.config;
  const size = { width, height };
  const { width: columns, height: rows } = sd.latentSize(size);
  const sampler = all.ddim({ ...scheduler, steps_offset: 0 }, solutionSteps);
  const encoder = await sd.textEncoder(2, { signal });
  const input_ids = Int32Array.from(["", prompt].flatMap((text) => [...sd.tokenizer.encode(text)]));
  const context = await (await encoder.run({ input_ids }, { signal })).last_hidden_state.read();
  const step = await sd.step({ ...size, guided: true }, { signal });
  const noise = torchGenerator(seed).randn(unet.in_channels * rows * columns);
  return sampler.run(
    async (latents, t) => {
      const { prediction } = await step.run({ latents, timestep: [t, t], context, guidance: [guidance] }, { signal });
      return prediction.read();
    },
    noise.map((z) => sampler.initNoiseSigma * z),
    { signal, combine: combineFloat32, clamp: clampFloat32 },
  );
}

async function evaluate({ first, count }: { first: number; count: number }, laboratory: Laboratory) {
  const { backend, pictures, signal, say } = laboratory;
  const sd = await laboratory.townscapes();
  const network = await laboratory.once("evalnet on the backend", async () =>
    openEvalnet(backend, await laboratory.evalnet(), 1),
  );
  const withFeatures = pictures >= frechet.pictures;
  const runs = names.flatMap((sampler) =>
    counts(laboratory).map((steps) => ({
      sampler,
      steps,
      distances: [] as number[],
      tally: new Tally(),
      features: new FeatureStatistics(evalnetSizes.features),
    })),
  );
  const real = new FeatureStatistics(evalnetSizes.features);
  for (let scene = first; scene < first + count; scene++) {
    const drawn = townscape(scene);
    const said = readCaption(drawn.caption);
    if (withFeatures) real.add((await network.run({ image: pixelsOf(drawn) })).features);
    const solution = await sd.exclusive(() => solve(sd, drawn.caption, scene, signal));
    for (const { sampler, steps, distances, tally, features } of runs) {
      const { latents, image } = await textToImage(sd, {
        prompt: drawn.caption,
        sampler,
        steps,
        guidance,
        seed: scene,
        signal,
      });
      if (!stochastic.includes(sampler)) distances.push(rms(latents, solution));
      const seen = await network.run({ image: imageToTensor(image) });
      tally.add(seen.logits, said);
      if (withFeatures && steps === frechet.steps) features.add(seen.features);
    }
    if (withFeatures) say(`  scene ${scene}`);
  }
  return {
    runs: runs.map(({ sampler, steps, distances, tally, features }) => ({
      sampler,
      steps,
      distances,
      right: tally.right,
      of: tally.of,
      ...(features.count && { features: written(features) }),
    })),
    ...(withFeatures && { real: written(real) }),
  };
}

const rms = (a: Float32Array, b: Float32Array) =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0) / a.length);

/** Whether a picture shows what its prompt asks for, in one number: kinds and colours found, sky and ground right. */
const asked: readonly Judgement[] = ["sky", "ground", "kinds_recall", "walls_recall"];

export const samplers = experiment({
  id: "samplers",
  question: "How near does each sampler come to the exact solution, and how good are its pictures, by number of steps?",
  outcome: v.object({ runs: v.array(RunOutcome), real: v.optional(StatisticsSchema) }),
  parts: (settings) =>
    chunks(settings).map((chunk) => ({
      name: `scenes ${chunk.first} to ${chunk.first + chunk.count - 1}`,
      run: (laboratory) => evaluate(chunk, laboratory),
    })),
  async tables(outcomes, settings) {
    const parts = [...outcomes.values()];
    const distances: Row[] = [];
    const quality: Row[] = [];
    const far: Row[] = [];
    const note = `${settings.pictures} prompts`;
    const add = async (a: FeatureStatistics, b: Statistics | undefined) => (b ? a.merge(await read(b)) : a);
    const real = new FeatureStatistics(evalnetSizes.features);
    for (const part of parts) await add(real, part.real);
    for (const [i, { sampler, steps }] of parts[0].runs.entries()) {
      const subject = `${sampler}, ${steps} steps`;
      const keys = { sampler, steps };
      const runs = parts.map((part) => part.runs[i]);
      const all = runs.flatMap((run) => run.distances);
      if (all.length)
        distances.push(
          measured(
            { subject, quantity: "distance to 1000 steps of DDIM", unit: "", keys },
            { value: median(all), spread: medianDeviation(all), samples: all.length },
            sampler === "pndm"
              ? { note: "begins with Runge-Kutta steps, as the checkpoint's config does not skip them" }
              : {},
          ),
        );
      const tally = runs.reduce((sum, run) => sum.merge(run), new Tally());
      const accuracies = tally.accuracies();
      const known = asked.filter((name) => tally.of[name]);
      quality.push(
        measured(
          { subject, quantity: "of what was asked for, found in the picture", unit: "%", keys },
          {
            value: (100 * known.reduce((sum, name) => sum + accuracies[name], 0)) / known.length,
            samples: settings.pictures,
          },
        ),
      );
      const features = new FeatureStatistics(evalnetSizes.features);
      for (const run of runs) await add(features, run.features);
      if (features.count)
        far.push(
          measured(
            { subject, quantity: "Fréchet distance on the evaluation network", unit: "", keys },
            { value: frechetDistance(real, features), samples: features.count },
          ),
        );
    }
    if (!far.length)
      far.push(
        impossible(
          { subject: "all samplers", quantity: "Fréchet distance on the evaluation network", unit: "" },
          `--pictures ${frechet.pictures} or more: its covariance has ${evalnetSizes.features} dimensions`,
        ),
      );
    for (const sampler of forDistilled)
      distances.push(
        impossible(
          { subject: sampler, quantity: "distance to 1000 steps of DDIM", unit: "", keys: { sampler } },
          "a network distilled for it",
        ),
      );
    const of = (steps: number) => distances.filter(({ keys, ours }) => ours && keys?.steps === steps);
    const best = (steps: number) => of(steps).toSorted((a, b) => a.ours!.value - b.ours!.value)[0];
    return [
      {
        title: "Distance to the exact solution",
        rows: distances,
        findings: counts(settings).map((steps) => {
          const { keys, ours } = best(steps);
          const ddim = of(steps).find((row) => row.keys!.sampler === "ddim")!.ours!.value;
          return `At ${steps} steps the nearest is ${keys!.sampler} (${ours!.value.toFixed(3)}, DDIM ${ddim.toFixed(3)}), over ${note}.`;
        }),
      },
      { title: "What was asked for", rows: quality },
      { title: "Fréchet distance", rows: far },
    ];
  },
});
