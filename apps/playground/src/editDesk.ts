import type { EditResult, EditSession, EditSessionOptions, OnProgress } from "@tessera/pipelines";
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

/** Bytes for what the model made of a picture at all steps. */
const cacheBudget = 2 ** 28;

/**
 * Edits of pictures on one checkpoint. What the model made of a picture is kept for the next edit, and follows where the
 * page goes: to a result that was accepted, back, and forth.
 */
export class EditDesk {
  readonly #open: (options: EditSessionOptions) => Promise<EditSession>;
  #session: EditSession | undefined;
  /** What the session was opened for. */
  #key = "";
  /** Ids of the pictures that the session knows, in the order of their acceptance, and which of them is its own now. */
  #known: number[] = [];
  #at = 0;
  /** The paint of the last edit, if it was finished. */
  #edited: number | undefined;

  constructor(open: (options: EditSessionOptions) => Promise<EditSession>) {
    this.#open = open;
  }

  async edit({ drawing, settings, compare }: EditRequest, watch: Watch): Promise<EditResult> {
    const session = await this.#reach(drawing, settings, watch);
    this.#edited = undefined;
    const result = await session.edit({ ...watch, edited: flatten(drawing), mask: paintedMask(drawing), compare });
    this.#edited = drawing.paint.id;
    return result;
  }

  /** Frees what is kept. */
  dispose(): void {
    this.#session?.dispose();
    this.#session = undefined;
  }

  /** The session at a drawing's picture; another one if this picture or these settings are new to it. */
  async #reach({ width, height, base }: Drawing, settings: EditSettings, watch: Watch): Promise<EditSession> {
    const key = JSON.stringify([settings, width, height]);
    const session = key === this.#key ? this.#session : undefined;
    const place = this.#known.indexOf(base.id);
    if (session && place >= 0) {
      this.#edited = place === this.#at ? this.#edited : undefined;
      for (; this.#at > place; this.#at--) await session.undo();
      for (; this.#at < place; this.#at++) await session.redo();
      return session;
    }
    const { base: from, paint } = base.from ?? {};
    if (session && from === this.#known[this.#at] && paint !== undefined && paint === this.#edited) {
      await session.accept(watch);
      this.#known = [...this.#known.slice(0, ++this.#at), base.id];
      return session;
    }
    this.dispose();
    const image = { width, height, data: base.data };
    this.#session = await this.#open({ ...settings, ...watch, image, cacheBudget });
    [this.#key, this.#known, this.#at, this.#edited] = [key, [base.id], 0, undefined];
    return this.#session;
  }
}
