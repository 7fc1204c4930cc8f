import { editSparse, type EditResult, type OnProgress, type StableDiffusion } from "@tessera/pipelines";
import { flatten, paintedMask, type Drawing } from "./views/edit/drawing.ts";

/** How what was painted is redone. */
export interface EditSettings {
  readonly prompt: string;
  readonly seed: number;
  readonly steps: number;
  readonly guidance: number;
  /** How much of it is redone, above 0 to 1. */
  readonly strength: number;
}

export interface EditRequest {
  readonly drawing: Drawing;
  readonly settings: EditSettings;
  /** Whether to compute the edit as a whole too. */
  readonly compare: boolean;
}

interface Watch {
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
}

/** Edits of pictures on one checkpoint. */
export class EditDesk {
  readonly #sd: StableDiffusion;

  constructor(sd: StableDiffusion) {
    this.#sd = sd;
  }

  edit({ drawing, settings, compare }: EditRequest, watch: Watch): Promise<EditResult> {
    const { width, height, base } = drawing;
    const image = { width, height, data: base.data };
    const [edited, mask] = [flatten(drawing), paintedMask(drawing)];
    return editSparse(this.#sd, { ...settings, ...watch, image, edited, mask, compare });
  }
}
