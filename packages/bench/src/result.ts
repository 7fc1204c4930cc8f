import * as v from "valibot";
import { median, medianDeviation } from "./stats.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const size = v.pipe(v.number(), v.minValue(0));

/** Where a measurement was made. */
export const MachineSchema = v.object({
  date: v.pipe(v.string(), v.isoTimestamp()),
  cpu: v.string(),
  cores: count,
  platform: v.string(),
  /** What Node can tell, and a browser cannot. */
  memoryBytes: v.optional(count),
  node: v.optional(v.string()),
  v8: v.optional(v.string()),
  /** Processes that wanted a core, averaged over the last minute, when the run began. */
  load: v.optional(size),
  /** The browser, as it names itself, where it ran in one. */
  browser: v.optional(v.string()),
  /** Of the repository that the command ran in; `+` stands for uncommitted changes. */
  commit: v.optional(v.string()),
  /** Backend of ours, as it describes itself: adapter, driver, threads. */
  backend: v.string(),
});

/** Milliseconds of repeated runs. */
export const TimeSchema = v.object({
  medianMs: size,
  madMs: size,
  samplesMs: v.pipe(v.array(size), v.minLength(1)),
  /** Of all threads together, where it was taken: others' load moves it less, threads that wait in a loop more. */
  cpuMedianMs: v.optional(size),
  /** Of one that follows others in the same run, by the threads' own clocks: no waking of threads is in it. */
  inRunMs: v.optional(size),
});

/** One engine on one case. */
export const EngineRowSchema = v.object({
  engine: v.string(),
  /** Version, threads and whatever else one must know of how it ran. */
  detail: v.string(),
  /** Absent where there is nothing to time; `note` says why. */
  time: v.optional(TimeSchema),
  gflops: v.optional(size),
  /** Share of the measured SIMD peak. */
  ofPeak: v.optional(size),
  /** Bytes that must move (inputs, parameters, result, each once) per second. */
  gigabytesPerSecond: v.optional(size),
  /** How many times longer than ours, on the clock and in time of all threads. */
  ratio: v.optional(size),
  cpuRatio: v.optional(size),
  /** Largest difference from our result, as a share of its largest number. */
  difference: v.optional(size),
  note: v.optional(v.string()),
});

export const CaseSchema = v.object({
  name: v.string(),
  /** How many stood in a row in what was timed; every figure is of one. */
  times: v.optional(count, 1),
  macs: size,
  /** Inputs, parameters and results, each once, as f32. */
  bytes: size,
  /** Bytes read and written by a copy of memory on as many threads, the median of samples taken in turns with the engines'. */
  copyGigabytesPerSecond: v.optional(size),
  engines: v.array(EngineRowSchema),
});

/** What a processor or a graphics adapter can do at most, measured. */
export const LimitsSchema = v.object({
  /** Of the processor; absent for an adapter. */
  threads: v.optional(count),
  /** The adapter; absent for the processor. */
  adapter: v.optional(v.string()),
  /** f32 multiply-adds on registers alone, two operations each. */
  simdGflops: size,
  /** The same in f16, where an adapter has it. */
  halfGflops: v.optional(size),
  /** Bytes read and written by a copy of memory. */
  copyGigabytesPerSecond: size,
});

/** How ours stands beside another engine, or beside the fastest of all others in each case. */
export const StandingSchema = v.object({
  /** Absent where it is the fastest of each case. */
  engine: v.optional(v.string()),
  /** Cases in which there was a right result; the others do not count. */
  cases: count,
  /** Geometric mean of its times over ours. */
  mean: size,
  /** Where ours is least ahead, or most behind. */
  least: v.object({ name: v.string(), engine: v.string(), ratio: size }),
});

/** `tessera bench ops|unet|vae`. */
export const ComparisonSchema = v.object({
  kind: v.literal("comparison"),
  machine: MachineSchema,
  limits: LimitsSchema,
  cases: v.array(CaseSchema),
  standings: v.optional(v.array(StandingSchema), []),
});

/** What a network costs with some optimisations on and others off. */
const SettingSchema = v.object({
  time: TimeSchema,
  calls: count,
  /** Commands that the device gets: some kernels take several for a call. */
  dispatches: count,
  /** The most that activations and scratch take at a time. */
  activationBytes: count,
  weightBytes: count,
  /** Largest difference from the result with everything on, as a share of its largest number. */
  difference: size,
});

export const AblationRowSchema = v.object({
  /** Key of the options record, such as `passes.absorb` or `kernels.conv2d.gemm`; `all` and `none` are the ends. */
  option: v.string(),
  setting: v.string(),
  /** With every other optimisation on. */
  without: v.object({
    ...SettingSchema.entries,
    /** This time over the time with everything on: the median over pairs of samples, and its standard error. */
    slowdown: size,
    slowdownError: v.optional(size),
  }),
  /** With every other optimisation off; absent where that means nothing. */
  alone: v.optional(
    v.object({
      ...SettingSchema.entries,
      /** Time with everything off over this time. */
      speedup: size,
      speedupError: v.optional(size),
    }),
  ),
});

/** `tessera bench ablate`. */
export const AblationSchema = v.object({
  kind: v.literal("ablation"),
  machine: MachineSchema,
  model: v.string(),
  rows: v.array(AblationRowSchema),
});

/** All calls of one kernel on the same shapes. */
export const ProfileRowSchema = v.object({
  kernel: v.string(),
  /** The operands' shapes and the result's. */
  shapes: v.string(),
  /** Where in the model the first of them is. */
  path: v.string(),
  calls: count,
  /** Of all of them together, in one run. */
  ms: size,
  macs: size,
  /** Operands and results, each once, as f32. */
  bytes: size,
});

/** `tessera bench unet|vae --profile`. */
export const ProfileSchema = v.object({
  kind: v.literal("profile"),
  machine: MachineSchema,
  limits: LimitsSchema,
  model: v.string(),
  memory: v.object({
    weightBytes: count,
    activationBytes: count,
    /** The most that is alive at one time: no plan takes less. */
    lowerBoundBytes: count,
  }),
  rows: v.array(ProfileRowSchema),
});

/** A network as a whole, and edits of it by blocks. There are no times where multiply-adds alone were counted. */
export const EditsRowSchema = v.object({
  model: v.string(),
  /** Of its pictures, in pixels. */
  height: count,
  width: count,
  macs: size,
  time: v.optional(TimeSchema),
  /** By percent of the picture. */
  edits: v.array(v.object({ edit: size, macs: size, time: v.optional(TimeSchema) })),
});

/** `tessera bench edits`. */
export const EditsSchema = v.object({
  kind: v.literal("edits"),
  machine: MachineSchema,
  rows: v.array(EditsRowSchema),
});

export const ResultSchema = v.variant("kind", [ComparisonSchema, AblationSchema, ProfileSchema, EditsSchema]);

export type Machine = v.InferOutput<typeof MachineSchema>;
export type Time = v.InferOutput<typeof TimeSchema>;
export type EngineRow = v.InferOutput<typeof EngineRowSchema>;
export type Case = v.InferOutput<typeof CaseSchema>;
export type Limits = v.InferOutput<typeof LimitsSchema>;
export type Standing = v.InferOutput<typeof StandingSchema>;
export type Comparison = v.InferOutput<typeof ComparisonSchema>;
export type AblationRow = v.InferOutput<typeof AblationRowSchema>;
export type Ablation = v.InferOutput<typeof AblationSchema>;
export type ProfileRow = v.InferOutput<typeof ProfileRowSchema>;
export type Profile = v.InferOutput<typeof ProfileSchema>;
export type EditsRow = v.InferOutput<typeof EditsRowSchema>;
export type Edits = v.InferOutput<typeof EditsSchema>;
export type Result = v.InferOutput<typeof ResultSchema>;

/**
 * Reads a result file.
 *
 * @throws {ValiError} naming the first field that is not what it should be
 */
export const parseResult = (json: unknown): Result => v.parse(ResultSchema, json);

export const timeOf = (samplesMs: readonly number[]): Time => ({
  medianMs: median(samplesMs),
  madMs: medianDeviation(samplesMs),
  samplesMs: [...samplesMs],
});
