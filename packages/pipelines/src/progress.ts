import type { RunOptions } from "@tessera/kernels";

/**
 * What a pipeline is doing. Phases come in this order, but for programs that are compiled when a step first needs them.
 * Within `encode`, `sample` and `decode`, `step` goes from 0 (begun) to `total` (done); within `load` it counts bytes of
 * weights or kernels built, afresh for each network.
 */
export interface Progress {
  /** `load`: weights and kernels; `encode`: prompt (and initial picture); `sample`: denoising steps; `decode`: latents → picture. */
  readonly phase: "load" | "encode" | "sample" | "decode";
  readonly step: number;
  readonly total: number;
  /** How much of the step that has begun is done, above 0 and below 1: told now and then where it takes long. */
  readonly within?: number;
  /** What exactly, for people: `unet weights`, `unet kernels`. */
  readonly detail?: string;
  /**
   * During `sample`, after each step: reads the latents [n 4 h w] from the device (for models of pixels, the picture as it is,
   * [1 c h w]; see `pixelPreview`). Costs a transfer, so only on demand;
   * the next step waits for it if it is called before `onProgress` returns, else it gives the latents of a later step.
   */
  readonly previewLatents?: () => Promise<Float32Array>;
}
export type OnProgress = (progress: Progress) => void;

/** Who watches a program being made, and may stop it. */
export interface LoadWatch {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

const everyMs = 100;

/**
 * Tells of runs of a program, each of which is the step that follows `at`, or a part of it, from one share to another: how
 * much of the step is done, ten times a second.
 */
export function withinStep(
  onProgress: OnProgress | undefined,
  at: () => Progress,
  part: () => readonly [from: number, to: number] = () => [0, 1],
): RunOptions["onProgress"] {
  let told = performance.now();
  return (done, calls) => {
    const now = performance.now();
    const [from, to] = part();
    if (!done || done === calls || from === to || now - told < everyMs) return;
    told = now;
    onProgress?.({ ...at(), within: from + ((to - from) * done) / calls });
  };
}

/** Who watches a run of a program that may have to be made for it. */
export interface RunWatch extends LoadWatch {
  readonly onRun?: RunOptions["onProgress"];
}

/** Tells of steps that are several runs each, of costs in whatever unit. */
export function stepwise({ onProgress, signal }: LoadWatch) {
  let at: Progress;
  let [from, to, total] = [0, 0, 1];
  const onRun = withinStep(
    onProgress,
    () => at,
    () => [from / total, to / total],
  );
  return {
    /** A step begins, whose runs cost this much in all; or there are no more. */
    tell(progress: Progress, cost = 1): void {
      [at, from, to, total] = [progress, 0, 0, cost];
      onProgress?.(progress);
    },
    /** Watches the step's next run, which costs this much. */
    run(cost = 1): RunWatch {
      [from, to] = [to, to + cost];
      return { onProgress, signal, onRun };
    },
  };
}
export type Steps = ReturnType<typeof stepwise>;
