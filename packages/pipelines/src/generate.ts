import type { DeviceTensor, HostTensor, Program, RunOptions } from "@tessera/kernels";
import { samplers, torchGenerator, type Generator, type Sampler, type SamplerName } from "@tessera/sampling";
import { weightInputs } from "./adapters.ts";
import { checkedControl, controlRecord, steering, type ControlOptions } from "./controlNet.ts";
import { imageFromTensor, type Image } from "./image.ts";
import { persist } from "./persist.ts";
import { PipelineError } from "./PipelineError.ts";
import { withinStep, type LoadWatch, type OnProgress, type Progress } from "./progress.ts";
import type { StableDiffusion } from "./stableDiffusion.ts";

export interface GenerateOptions {
  readonly prompt: string;
  /** What to steer away from; default nothing. Counts only with guidance above 1. */
  readonly negativePrompt?: string;
  /** Evaluations of the UNet; default 20. */
  readonly steps?: number;
  /** Classifier-free guidance scale; default 7.5. At 1 and below it is off, as in diffusers, and a step costs half. */
  readonly guidance?: number;
  /** An integer; the same one gives the picture that diffusers gives with a CPU generator. Default random. */
  readonly seed?: number;
  /** In pixels; default what the model was trained at. */
  readonly width?: number;
  readonly height?: number;
  /** DDIM's η: 0 (default) is deterministic, 1 adds as much noise as DDPM. */
  readonly eta?: number;
  /** By the names of `samplers` in @tessera/sampling; default `ddim`. */
  readonly sampler?: SamplerName;
  /** Weights of LoRAs that were loaded to be kept apart, by name; default the one that each was loaded with. */
  readonly loraWeights?: Readonly<Record<string, number>>;
  /** A ControlNet that steers. */
  readonly control?: ControlOptions;
  readonly onProgress?: OnProgress;
  /** Stops in any phase: the call rejects with the signal's reason and the pipeline stays usable. */
  readonly signal?: AbortSignal;
}

/** Every choice that a picture depends on, defaults filled in. */
export interface Parameters extends Required<
  Omit<GenerateOptions, "control" | "loraWeights" | "onProgress" | "signal">
> {
  /** Image to image and inpainting. */
  readonly strength?: number;
  /** True for inpainting. */
  readonly inpaint?: true;
  readonly control?: ReturnType<typeof controlRecord>;
  /** Those that the model was used with. */
  readonly loras?: readonly { readonly name: string; readonly weight: number }[];
  /** Tokens of textual inversions that the prompts may use. */
  readonly embeddings?: readonly string[];
}

export interface Result {
  readonly image: Image;
  /** The final latents [1 c h w], before decoding. */
  readonly latents: Float32Array;
  readonly seed: number;
  /** In milliseconds. `loadMs` is what this call compiled: 0 when everything was there. */
  readonly timings: {
    readonly loadMs: number;
    readonly encodeMs: number;
    readonly sampleMs: number;
    readonly stepMs: readonly number[];
    readonly decodeMs: number;
    readonly totalMs: number;
  };
  /** Tokens of the prompt that did not fit and had no influence. */
  readonly truncatedTokens: number;
  readonly parameters: Parameters;
}

/** Latents, wherever they are. */
export type Latents = HostTensor | DeviceTensor;

/** A generation on its way, as its beginning sees it. */
export interface Generation {
  readonly sd: StableDiffusion;
  readonly parameters: Parameters;
  readonly sampler: Sampler;
  /** The shape of the latents. */
  readonly shape: readonly [1, number, number, number];
  /** The one stream of noise, in the order in which diffusers draws from it. */
  readonly generator: Generator;
  /** Who watches the networks that the beginning needs, and may stop them. */
  readonly watch: RunOptions;
}

/** Where the steps begin, and what they are bound to. */
export interface Beginning {
  readonly latents: Latents;
  /** Further inputs of the step. */
  readonly step?: Readonly<Record<string, Latents>>;
  /** Replaces the latents after step `index`. */
  readonly constrain?: (latents: Latents, index: number) => Promise<Latents>;
}

/** What the kinds of generation add to the options. */
interface Kind {
  readonly strength?: number;
  readonly inpaint?: true;
}

/** The recipe that all kinds of generation share; they differ in where the steps begin, and what they are bound to. */
export function generate(
  sd: StableDiffusion,
  options: GenerateOptions & Kind,
  begin: (generation: Generation) => Promise<Beginning>,
): Promise<Result> {
  const { onProgress, signal, loraWeights } = options;
  const parameters = checked(sd, options);
  const steered = options.control && checkedControl(sd, parameters, options.control);
  const { prompt, negativePrompt, steps, guidance, seed, width, height, eta, strength } = parameters;
  const guided = guidance > 1;
  const ids = [...(guided ? [negativePrompt] : []), prompt].map((text) => sd.tokenizer.encode(text));
  const truncatedTokens = sd.tokenizer.dropped(prompt).length;
  const sampler = samplers[parameters.sampler](sd.config.scheduler, steps, { eta, strength });
  const shape = sd.latentShape(parameters);
  const elements = shape.reduce((a, b) => a * b);
  const generator = torchGenerator(seed);
  const weights = weightInputs(sd.apart, loraWeights);

  return sd.exclusive(async () => {
    signal?.throwIfAborted();
    const started = performance.now();
    let loadMs = 0;
    const watching = (at: () => Progress): RunOptions => ({ signal, onProgress: withinStep(onProgress, at) });
    const load = async (program: (watch: LoadWatch) => Promise<Program>) => {
      const before = performance.now();
      const loaded = await program({ onProgress, signal });
      loadMs += performance.now() - before;
      return loaded;
    };
    const model = steered?.model;
    const step = await load((watch) => sd.step({ width, height, guided, control: model?.config }, watch));
    const steerer = model && (await load((watch) => sd.control(model, { width, height, guided }, watch)));
    const textEncoder = await load((watch) => sd.textEncoder(ids.length, watch));
    const decoder = await load((watch) => sd.decoder({ width, height }, watch));
    if (parameters.strength !== undefined) await load((watch) => sd.encoder({ width, height }, watch));

    const encoding = performance.now() - loadMs;
    const encode = { phase: "encode", step: 0, total: 1 } as const;
    onProgress?.(encode);
    const input_ids = Int32Array.from(ids.flatMap((row) => [...row]));
    const { last_hidden_state: context } = await textEncoder.run({ input_ids, ...weights }, { signal });
    const begun = await begin({ sd, parameters, sampler, shape, generator, watch: watching(() => encode) });
    onProgress?.({ ...encode, step: 1 });
    const encodeMs = performance.now() - loadMs - encoding;

    const sampling = performance.now() - loadMs;
    const stepMs: number[] = [];
    const total = sampler.steps.length;
    let last = performance.now() - loadMs;
    const sample = () => ({ phase: "sample", step: stepMs.length, total }) as const;
    onProgress?.(sample());
    const watch = watching(sample);
    const steer = () => steerer && steering(steerer, steered!, total);
    let control = steer();
    const evaluate = async (latents: Latents, t: number): Promise<Latents> => {
      const seen = { latents, timestep: ids.map(() => t), context };
      const said = await control?.(stepMs.length, seen, { signal });
      const inputs = { ...seen, ...said, ...begun.step, ...weights, ...(guided && { guidance: [guidance] }) };
      return (await step.run(inputs, watch)).prediction;
    };
    const denoised = await sampler.run<Latents>(
      // What it said goes with the device, and is said again on the one in its place.
      (latents, t) => {
        const say = () => evaluate(latents, t);
        return control ? persist(say, () => void (control = steer())) : say();
      },
      begun.latents,
      {
        signal,
        ...(begun.constrain && { constrain: begun.constrain }),
        gaussian: () => generator.randn(elements),
        // What a multistep sampler looks back on must outlive the next run of the program that made it.
        keep: read,
        async combine(...terms) {
          const program = await load((watch) => sd.combine(terms.length, { width, height }, watch));
          const inputs = terms.flatMap(([c, x], k): [string, Latents][] => [[`x${k}`, x], [`c${k}`, [c]]]); // prettier-ignore
          return (await program.run(Object.fromEntries(inputs), { signal })).sum;
        },
        async onStep({ x }) {
          const now = performance.now() - loadMs;
          stepMs.push(now - last);
          last = now;
          let preview: Promise<Float32Array> | undefined;
          const previewLatents = () => (preview ??= read(x));
          onProgress?.({ ...sample(), previewLatents });
          await preview;
        },
      },
    );
    const latents = await read(denoised);
    const sampleMs = performance.now() - loadMs - sampling;

    const decoding = performance.now();
    const decode = { phase: "decode", step: 0, total: 1 } as const;
    onProgress?.(decode);
    const { image } = await decoder.run(
      { latents: denoised },
      watching(() => decode),
    );
    const pixels = await image.read();
    signal?.throwIfAborted();
    if (!pixels.every(Number.isFinite)) {
      throw new PipelineError(
        `The picture is not made of finite numbers (${latents.every(Number.isFinite) ? "the latents are" : "nor are the latents"}): ` +
          "the weights are damaged, or too large for this backend's precision. Try full-precision files, or another backend.",
      );
    }
    onProgress?.({ ...decode, step: 1 });
    const decodeMs = performance.now() - decoding;
    return {
      image: imageFromTensor(pixels, width, height),
      latents,
      seed,
      timings: { loadMs, encodeMs, sampleMs, stepMs, decodeMs, totalMs: performance.now() - started },
      truncatedTokens,
      parameters,
    };
  });
}

/** A copy of the numbers, on the host. */
const read = async (x: Latents): Promise<Float32Array> => ("read" in x ? x.read() : Float32Array.from(x));

/** Defaults filled in, and what no model could do refused before any work begins. */
export function checked(sd: StableDiffusion, options: GenerateOptions & Kind): Parameters {
  const { prompt, negativePrompt = "", steps = 20, guidance = 7.5, eta = 0, sampler = "ddim", strength } = options;
  const { inpaint, control, loraWeights = {} } = options;
  const { width = sd.config.width, height = sd.config.height } = options;
  const { seed = crypto.getRandomValues(new Uint32Array(1))[0] } = options;
  const must = (holds: boolean, message: string) => {
    if (!holds) throw new PipelineError(message);
  };
  must(
    inpaint || !sd.inpaints,
    "This model is made for inpainting: its UNet reads a picture and a mask too. Give both (inpaint; --init and --mask), or take another model.",
  );
  const trained = sd.config.scheduler.num_train_timesteps ?? 1000;
  must(
    Number.isInteger(steps) && steps >= 1 && steps <= trained,
    `steps is ${steps}, but must be a whole number from 1 to ${trained}. Try 20.`,
  );
  must(Number.isFinite(guidance), `guidance is ${guidance}, but must be a number. Try 7.5; 1 turns it off.`);
  must(eta >= 0 && eta <= 1, `eta is ${eta}, but must be from 0 (deterministic) to 1 (as noisy as DDPM).`);
  must(Number.isSafeInteger(seed), `seed is ${seed}, but must be a whole number within ±${Number.MAX_SAFE_INTEGER}.`);
  must(Object.hasOwn(samplers, sampler), `There is no sampler ${sampler}. Known: ${Object.keys(samplers).join(", ")}.`);
  for (const [name, weight] of Object.entries(loraWeights)) {
    const known = sd.apart.map((lora) => lora.name);
    must(
      known.includes(name) && Number.isFinite(weight),
      `loraWeights gives ${name} the weight ${weight}, but weights are numbers, and the LoRAs kept apart are: ${known.join(", ") || "none"}.`,
    );
  }
  if (strength !== undefined) {
    must(strength > 0 && strength <= 1, `strength is ${strength}, but must be above 0 and at most 1. Try 0.8.`);
    must(
      Math.floor(steps * strength) >= 1,
      `A strength of ${strength} leaves none of the ${steps} steps. Take ${Math.ceil(1 / strength)} steps, or a strength of ${1 / steps}.`,
    );
  }
  return {
    prompt,
    negativePrompt,
    steps,
    guidance,
    seed,
    width,
    height,
    eta,
    sampler,
    ...(strength !== undefined && { strength }),
    ...(inpaint && { inpaint }),
    ...(control && { control: controlRecord(control) }),
    ...(sd.loras.length > 0 && {
      loras: sd.loras.map(({ name, weight = 1 }) => ({ name, weight: loraWeights[name] ?? weight })),
    }),
    ...(sd.embeddings.length > 0 && { embeddings: sd.embeddings.map(({ token }) => token) }),
  };
}
