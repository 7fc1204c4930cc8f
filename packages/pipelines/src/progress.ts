/** What a pipeline is doing. Phases come in this order; `step` counts from 1 to `total` within a phase. */
export interface Progress {
  /** `load`: weights and kernels; `encode`: prompt (and initial picture); `sample`: denoising steps; `decode`: latents → picture. */
  readonly phase: "load" | "encode" | "sample" | "decode";
  readonly step: number;
  readonly total: number;
  /** What exactly, for people: `unet weights`, `unet kernels`. */
  readonly detail?: string;
  /** During `sample`: reads the current latents [n 4 h w] from the device. Costs a transfer, so only on demand. */
  readonly previewLatents?: () => Promise<Float32Array>;
}
export type OnProgress = (progress: Progress) => void;
