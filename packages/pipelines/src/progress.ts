import type { RunOptions } from "@tessera/kernels";

/**
 * What a pipeline is doing. Phases come in this order. Within `encode`, `sample` and `decode`, `step` goes from 0 (begun)
 * to `total` (done); within `load` it counts bytes of weights or kernels built, afresh for each network.
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

const everyMs = 100;

/** Tells of runs of a program, each of which is the step that follows `at`: how much of it is done, ten times a second. */
export function withinStep(onProgress: OnProgress | undefined, at: () => Progress): RunOptions["onProgress"] {
  let told = performance.now();
  return (done, calls) => {
    const now = performance.now();
    if (!done || done === calls || now - told < everyMs) return;
    told = now;
    onProgress?.({ ...at(), within: done / calls });
  };
}
