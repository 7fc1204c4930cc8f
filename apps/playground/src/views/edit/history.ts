import type { Drawing, Layer, LayerTag } from "./drawing.ts";

/** Pixels on a side of the tiles by which layers are compared. */
const side = 64;

/** One tile of a layer, before and after. */
interface TileChange {
  readonly index: number;
  readonly before: Uint32Array;
  readonly after: Uint32Array;
}

interface LayerChange {
  readonly before: LayerTag;
  readonly after: LayerTag;
  readonly tiles: readonly TileChange[];
}

/** What one step did: the tiles that differ, or whole drawings if the size changed. */
type Step =
  { readonly base: LayerChange; readonly paint: LayerChange } | { readonly before: Drawing; readonly after: Drawing };

/** Where a drawing came from and where undoing came from. */
export interface History {
  readonly past: readonly Step[];
  readonly now: Drawing;
  readonly future: readonly Step[];
}

/** What a history may hold. */
type Limits = { readonly steps?: number; readonly bytes?: number };

export const begin = (now: Drawing): History => ({ past: [], now, future: [] });

/** The next drawing. The oldest steps are forgotten where limits demand it, but never the one just made. */
export function commit({ past, now }: History, next: Drawing, { steps = 200, bytes = 2 ** 28 }: Limits = {}): History {
  const kept = [...past, difference(now, next)].slice(-steps);
  let total = kept.reduce((sum, step) => sum + bytesOf(step), 0);
  while (kept.length > 1 && total > bytes) total -= bytesOf(kept.shift()!);
  return { past: kept, now: next, future: [] };
}

/** One step back; the same history if there is none. */
export function undo(history: History): History {
  const step = history.past.at(-1);
  if (!step) return history;
  const now = "before" in step ? step.before : applied(history.now, step, "before");
  return { past: history.past.slice(0, -1), now, future: [step, ...history.future] };
}

/** One step forward again; the same history if there is none. */
export function redo(history: History): History {
  const [step, ...future] = history.future;
  if (!step) return history;
  const now = "after" in step ? step.after : applied(history.now, step, "after");
  return { past: [...history.past, step], now, future };
}

/** Bytes that a step takes. */
export function bytesOf(step: Step): number {
  if ("before" in step) return 4 * step.before.base.data.length;
  return [step.base, step.paint]
    .flatMap(({ tiles }) => tiles)
    .reduce((sum, { after }) => sum + 2 * after.byteLength, 0);
}

function difference(before: Drawing, after: Drawing): Step {
  const { width, height } = before;
  if (after.width !== width || after.height !== height) return { before, after };
  const change = (from: Layer, to: Layer): LayerChange => ({
    before: tagOf(from),
    after: tagOf(to),
    tiles: from.id === to.id ? [] : changedTiles(pixelsOf(from), pixelsOf(to), width, height),
  });
  return { base: change(before.base, after.base), paint: change(before.paint, after.paint) };
}

function changedTiles(from: Uint32Array, to: Uint32Array, width: number, height: number): TileChange[] {
  const across = Math.ceil(width / side);
  const changed: TileChange[] = [];
  for (let index = 0; index < across * Math.ceil(height / side); index++) {
    const [before, after] = [from, to].map((pixels) => {
      const tile: number[] = [];
      eachRow(index, width, height, (start, end) => tile.push(...pixels.subarray(start, end)));
      return Uint32Array.from(tile);
    });
    if (before.some((pixel, i) => pixel !== after[i])) changed.push({ index, before, after });
  }
  return changed;
}

function applied(drawing: Drawing, step: Exclude<Step, { before: Drawing }>, which: "before" | "after"): Drawing {
  const { width, height } = drawing;
  const turned = (now: Layer, { tiles, ...tags }: LayerChange): Layer => {
    const tag = tags[which];
    if (tag.id === now.id) return now;
    const data = now.data.slice();
    const pixels = new Uint32Array(data.buffer);
    for (const tile of tiles) {
      let read = 0;
      eachRow(tile.index, width, height, (start, end) => {
        pixels.set(tile[which].subarray(read, (read += end - start)), start);
      });
    }
    return { ...tag, data };
  };
  return { width, height, base: turned(drawing.base, step.base), paint: turned(drawing.paint, step.paint) };
}

/** The rows of a tile, as positions of pixels from start to end. */
function eachRow(index: number, width: number, height: number, visit: (start: number, end: number) => void): void {
  const across = Math.ceil(width / side);
  const [top, left] = [Math.floor(index / across) * side, (index % across) * side];
  const right = Math.min(width, left + side);
  for (let y = top; y < Math.min(height, top + side); y++) visit(y * width + left, y * width + right);
}

const tagOf = ({ id, from }: Layer): LayerTag => (from ? { id, from } : { id });
const pixelsOf = ({ data }: Layer): Uint32Array => new Uint32Array(data.buffer);
