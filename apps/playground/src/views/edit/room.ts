import { computed, effect, signal } from "@preact/signals";
import type { ActiveBlocks, EditResult, Image } from "@tessera/pipelines";
import { download } from "../../download.ts";
import type { EditSettings } from "../../editDesk.ts";
import type { Picture } from "../../engine.ts";
import type { Studio } from "../../studio.ts";
import { bitmapOf, refresh } from "./bitmaps.ts";
import { drawingOn, flatten, isBlank, layer, type Drawing } from "./drawing.ts";
import { floodFill } from "./floodFill.ts";
import { begin, commit, redo, undo, type History } from "./history.ts";
import { seedLimit } from "../generate/settings.ts";
import { fittedSize, openPicture } from "./openPicture.ts";
import { colourOf, cover, coverageOf, hexOf, lay, type Brush, type Coverage, type Touch } from "./stroke.ts";
import type { Point, Viewport } from "./viewport.ts";

export const tools = ["brush", "eraser", "bucket", "eyedropper", "hand"] as const;
export type Tool = (typeof tools)[number];

/** What the second pane shows: the edit by blocks, the edit as a whole, or how they differ. */
export const views = ["result", "whole", "difference"] as const;
export type View = (typeof views)[number];

/** Where a pointer touches, in pixels of the picture, and how hard, 0 … 1. */
export interface Press extends Point {
  readonly pressure: number;
}

/** A stroke on its way. */
interface Stroke {
  readonly coverage: Coverage;
  readonly brush: Brush;
  readonly before: Uint8ClampedArray<ArrayBuffer>;
  readonly image: Image;
  last: Touch;
}

export const largestBrush = 128;
export const [mostSteps, mostGuidance] = [200, 30];
const settleMs = 150;
const keptResults = 32;
const bucketTolerance = 24;

/** A picture that is painted on, and what the model makes of it: all state of the second room. */
export class EditRoom {
  readonly studio: Studio;
  readonly history = signal<History | undefined>(undefined);
  readonly drawing = computed(() => this.history.value?.now);
  readonly blank = computed(() => !this.drawing.value || isBlank(this.drawing.value.paint));

  readonly tool = signal<Tool>("brush");
  readonly colour = signal("#1e5a32");
  /** Diameter, in pixels of the picture. */
  readonly size = signal(6);
  readonly hardness = signal(0.8);
  readonly opacity = signal(1);

  /** Undefined while the picture is to be seen whole. */
  readonly viewport = signal<Viewport | undefined>(undefined);
  /** Where the pointer is over the picture. */
  readonly cursor = signal<Point | undefined>(undefined);
  /** While the space bar is held. */
  readonly panning = signal(false);
  readonly view = signal<View>("result");
  readonly showTiles = signal(true);
  /** Which blocks are shown, by `nameOf`; if these have none, the picture's own. */
  readonly shownBlocks = signal("");

  readonly settings = {
    prompt: signal(""),
    seed: signal("1"),
    steps: signal("20"),
    guidance: signal("6"),
    strength: signal(0.6),
  };
  /** Whether a stroke's end starts the model. */
  readonly auto = signal(true);
  /** Something that did not work, or that should be known, for people. */
  readonly message = signal("");
  /** Changes with every piece of a stroke. */
  readonly touched = signal(0);

  readonly #results = signal<ReadonlyMap<string, EditResult>>(new Map());
  readonly #latest = signal<EditResult | undefined>(undefined);
  #stroke: Stroke | undefined;
  #end: Touch | undefined;

  readonly #request = computed((): { readonly key: string; readonly settings: EditSettings } | undefined => {
    const { prompt, strength, ...fields } = this.settings;
    const [seed, steps, guidance] = [fields.seed, fields.steps, fields.guidance].map(({ value }) =>
      Number(value || NaN),
    );
    const whole = (value: number, least: number, most: number) =>
      Number.isInteger(value) && value >= least && value <= most;
    const sound =
      whole(seed, 0, seedLimit - 1) && whole(steps, 1, mostSteps) && guidance >= 1 && guidance <= mostGuidance;
    if (!this.drawing.value || this.blank.value || !sound) return undefined;
    const { base, paint } = this.drawing.value;
    const settings = { prompt: prompt.value, seed, steps, guidance, strength: strength.value };
    return { key: JSON.stringify([base.id, paint.id, settings]), settings };
  });

  /** Whether something is painted, but a setting is missing or out of range. */
  readonly unsound = computed(() => !this.blank.value && !this.#request.value);
  /** The edit of the drawing as it is now; undefined until it is there. */
  readonly result = computed(() => {
    const request = this.#request.value;
    return request && this.#results.value.get(request.key);
  });
  /** The latest edit, be it of an older drawing; undefined if nothing is painted. */
  readonly shown = computed(() => {
    const drawing = this.drawing.value;
    if (!drawing || this.blank.value) return undefined;
    const latest = this.#latest.value;
    const fits = latest?.image.width === drawing.width && latest.image.height === drawing.height;
    return this.result.value ?? (fits ? latest : undefined);
  });
  /** Whether what is shown is older than the drawing or lacks what the view needs. */
  readonly stale = computed(() => {
    if (this.blank.value) return false;
    return !this.result.value || (this.view.value !== "result" && !this.result.value.dense);
  });
  readonly blocks = computed((): ActiveBlocks | undefined => {
    const rows = finest(this.shown.value?.report.blocks ?? []);
    const chosen = rows.find((row) => nameOf(row) === this.shownBlocks.value);
    return chosen ?? rows.find(({ network }) => network === "VAE decoder") ?? rows[0];
  });

  /** Until the model starts on what was painted. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(studio: Studio) {
    this.studio = studio;
    effect(() => {
      clearTimeout(this.#timer);
      if (this.auto.value && this.stale.value && this.#request.value)
        this.#timer = setTimeout(() => void this.compute(), settleMs);
    });
  }

  /** Runs the model on the drawing as it is; what it is doing for an older one stops. */
  async compute(): Promise<void> {
    clearTimeout(this.#timer);
    const [drawing, request] = [this.drawing.value, this.#request.value];
    if (!drawing || !request || !this.stale.value) return;
    const { key, settings } = request;
    const result = await this.studio.edit({ drawing, settings, compare: this.view.value !== "result" });
    if (!result) return;
    const others = [...this.#results.value].filter(([known]) => known !== key);
    this.#results.value = new Map([...others, [key, result] as const].slice(-keptResults));
    this.#latest.value = result;
  }

  /** The edit becomes the picture that is painted on. */
  accept(): void {
    const [drawing, result] = [this.drawing.value, this.result.value];
    if (!drawing || !result) return;
    const next = drawingOn(result.image);
    this.#commit({ ...next, base: { ...next.base, from: { base: drawing.base.id, paint: drawing.paint.id } } });
  }

  /** Takes all paint off. */
  clear(): void {
    const drawing = this.drawing.value;
    if (drawing && !this.blank.value)
      this.#commit({ ...drawing, paint: layer(new Uint8ClampedArray(drawing.paint.data.length)) });
  }

  undo(): void {
    this.abandon();
    if (this.history.value) this.history.value = undo(this.history.value);
  }

  redo(): void {
    this.abandon();
    if (this.history.value) this.history.value = redo(this.history.value);
  }

  /** Begins to paint, or to erase; `straight` draws a line from where the last stroke ended. */
  begin(press: Press, { straight = false, erase = this.tool.value === "eraser" } = {}): void {
    const drawing = this.drawing.value;
    if (!drawing) return;
    const { width, height, paint } = drawing;
    const touch = this.#touch(press);
    const image = { width, height, data: paint.data.slice() };
    bitmapOf(image);
    const brush = {
      colour: erase ? undefined : colourOf(this.colour.value),
      hardness: this.hardness.value,
      opacity: this.opacity.value,
    };
    const last = (straight && this.#end) || touch;
    this.#stroke = { coverage: coverageOf(width, height), brush, before: paint.data, image, last };
    this.#cover(this.#stroke, touch);
  }

  /** Goes on with the stroke. */
  extend(presses: readonly Press[]): void {
    if (this.#stroke) for (const press of presses) this.#cover(this.#stroke, this.#touch(press));
  }

  /** Ends the stroke: one step of the history. */
  finish(): void {
    const stroke = this.#stroke;
    this.#stroke = undefined;
    if (!stroke || !this.drawing.value) return;
    this.#end = stroke.last;
    const changed = stroke.image.data.some((value, i) => value !== stroke.before[i]);
    if (changed) this.#commit({ ...this.drawing.value, paint: layer(stroke.image.data) });
    else this.touched.value++;
  }

  /** Takes the unfinished stroke back; stops the model, also if it was only about to start. */
  cancel(): void {
    this.abandon();
    clearTimeout(this.#timer);
    this.studio.cancel();
  }

  /** Takes the unfinished stroke back. */
  abandon(): void {
    if (!this.#stroke) return;
    this.#stroke = undefined;
    this.touched.value++;
  }

  /** Fills an area of about one colour with paint. */
  pour({ x, y }: Point): void {
    const drawing = this.drawing.value;
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (!drawing || column < 0 || row < 0 || column >= drawing.width || row >= drawing.height) return;
    const { width, height, paint } = drawing;
    const coverage = floodFill(flatten(drawing), column, row, bucketTolerance);
    const data = paint.data.slice();
    const brush = { colour: colourOf(this.colour.value), hardness: 1, opacity: this.opacity.value };
    lay(data, paint.data, coverage, brush, { left: 0, top: 0, right: width, bottom: height });
    this.#commit({ ...drawing, paint: layer(data) });
  }

  /** Takes the brush's colour from a picture. */
  pick({ x, y }: Point, { width, height, data }: Image): void {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (column < 0 || row < 0 || column >= width || row >= height) return;
    const at = 4 * (row * width + column);
    this.colour.value = hexOf([data[at], data[at + 1], data[at + 2]]);
  }

  /** The paint as it is at this moment, amid a stroke too. */
  get paint(): Image | undefined {
    const drawing = this.drawing.value;
    return this.#stroke?.image ?? (drawing && { ...drawing, data: drawing.paint.data });
  }

  /** A finished picture from the first room, with what it was made from. */
  async openMade({ png, parameters }: Picture): Promise<void> {
    const { prompt, seed, steps, guidance } = parameters;
    const image = await openPicture(png, "The picture", (own) => own);
    this.#start(image, { prompt, seed, steps, guidance: Math.max(1, guidance) });
  }

  /** A picture from a file, and what it was made from if that is known. Whether it is there now. */
  async open(file: Blob, name: string, settings: Partial<EditSettings> = {}): Promise<boolean> {
    try {
      const device = await this.studio.ready();
      if (device) this.#start(await openPicture(file, name, (own) => fittedSize(own, device)), settings);
      return device !== undefined;
    } catch (error) {
      this.message.value = (error as Error).message;
      return false;
    }
  }

  /** The result, or else the picture, as a file. */
  async save(): Promise<void> {
    const drawing = this.drawing.value;
    if (!drawing) return;
    const image = this.shown.value?.image ?? { ...drawing, data: drawing.base.data };
    this.#kept = contentOf(drawing);
    const name = `tessera-edit-${this.settings.seed.value}-${++this.#saved}.png`;
    download(name, await bitmapOf(image).convertToBlob({ type: "image/png" }));
  }
  #saved = 0;
  /** What was saved or opened last. */
  #kept = "";

  /** Whether leaving the page would lose strokes. */
  get unsaved(): boolean {
    const drawing = this.drawing.value;
    return drawing !== undefined && contentOf(drawing) !== this.#kept;
  }

  #start(image: Image & { readonly note: string }, settings: Partial<EditSettings>): void {
    for (const name of ["prompt", "seed", "steps", "guidance"] as const)
      if (settings[name] !== undefined) this.settings[name].value = String(settings[name]);
    this.viewport.value = undefined;
    this.message.value = image.note;
    this.#end = undefined;
    const drawing = drawingOn(image);
    this.#kept = contentOf(drawing);
    if (this.history.value) this.#commit(drawing);
    else this.history.value = begin(drawing);
  }

  #commit(next: Drawing): void {
    this.history.value = commit(this.history.value!, next);
  }

  #touch({ x, y, pressure }: Press): Touch {
    return { x, y, radius: Math.max(0.5, (this.size.value / 2) * pressure) };
  }

  #cover(stroke: Stroke, touch: Touch): void {
    const { coverage, brush, before, image } = stroke;
    const box = cover(coverage, stroke.last, touch, brush.hardness);
    lay(image.data, before, coverage, brush, box);
    if (box.right > box.left && box.bottom > box.top) refresh(image, box);
    stroke.last = touch;
    this.touched.value++;
  }
}

const contentOf = ({ base, paint }: Drawing): string => `${base.id} ${paint.id}`;

/** One row for each network and resolution: of the geometries there, the one with most active tiles. */
export function finest(blocks: readonly ActiveBlocks[]): ActiveBlocks[] {
  const rows = new Map<string, ActiveBlocks>();
  for (const set of blocks) {
    const other = rows.get(nameOf(set));
    if (!other || set.active * set.step ** 2 > other.active * other.step ** 2) rows.set(nameOf(set), set);
  }
  return [...rows.values()].sort((a, b) => a.network.localeCompare(b.network) || b.height - a.height);
}

/** "UNet, 16 × 16". */
export const nameOf = ({ network, width, height }: ActiveBlocks): string => `${network}, ${width} × ${height}`;
