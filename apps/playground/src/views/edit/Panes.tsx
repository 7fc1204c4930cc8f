import { useComputed, type Signal } from "@preact/signals";
import { formatMs } from "../../format.ts";
import { Icon } from "../../Icon.tsx";
import { ProgressLine } from "../../ProgressLine.tsx";
import type { Scene } from "./drawScene.ts";
import { flatten } from "./drawing.ts";
import { EditSettings } from "./EditSettings.tsx";
import { heatMap } from "./heatMap.ts";
import { views, type EditRoom, type View } from "./room.ts";
import { Surface } from "./Surface.tsx";

/** How much the heat map brightens differences. */
const gain = 16;
const names: Record<View, readonly [string, string]> = {
  result: ["Result", "The edit by blocks"],
  whole: ["Whole", "The edit as a whole, to compare (W)"],
  difference: ["Difference", "How the edit by blocks differs from the edit as a whole (D)"],
};

const ringOf = ({ tool, size }: EditRoom): number => (["brush", "eraser"].includes(tool.value) ? size.value : 0);

/** The picture and the paint on it. */
export function DrawingPane({ room, onOpen }: { room: EditRoom; onOpen(): void }) {
  const scene = useComputed((): Scene | undefined => {
    const drawing = room.drawing.value;
    void room.touched.value; // amid a stroke, the paint's pixels change in place
    if (!drawing) return undefined;
    const { width, height, base } = drawing;
    const at = room.cursor.value;
    return {
      width,
      height,
      images: [{ width, height, data: base.data }, room.paint!],
      ...(at && { cursor: { ...at, size: ringOf(room) } }),
    };
  });
  return (
    <section class="pane card stack" aria-label="Drawing">
      <header class="row">
        <h2>Drawing</h2>
        <button type="button" class="quiet" title="Open a picture (Ctrl+O)" onClick={onOpen}>
          <Icon path="M3 7V5h6l2 2h10v12H3zM12 16v-5M9.5 13l2.5-2.5L14.5 13" /> Open
        </button>
      </header>
      <Surface
        room={room}
        label="Drawing"
        scene={scene}
        paints
        seen={() => room.drawing.value && flatten(room.drawing.value)}
      />
      <EditSettings room={room} />
      <p id="painting-keys" class="unseen">
        Arrow keys move a cursor, Enter uses the tool there, Shift+Enter draws a line from the last stroke. Question
        mark lists all keys.
      </p>
    </section>
  );
}

/** What the model makes of it. */
export function ResultPane({ room }: { room: EditRoom }) {
  const { studio } = room;
  const heat = useComputed(() => {
    const { image, dense } = room.shown.value ?? {};
    return room.view.value === "difference" && image && dense ? heatMap(image, dense, gain) : undefined;
  });
  const scene = useComputed((): Scene | undefined => {
    const drawing = room.drawing.value;
    if (!drawing) return undefined;
    const { width, height, base } = drawing;
    const { image = { width, height, data: base.data }, dense = image } = room.shown.value ?? {};
    const [blocks, at] = [room.blocks.value, room.cursor.value];
    return {
      width,
      height,
      images: [heat.value ?? (room.view.value === "whole" ? dense : image)],
      ...(room.showTiles.value && blocks && { blocks }),
      ...(at && { cursor: { ...at, size: ringOf(room) } }),
    };
  });
  const { result } = room;
  const rest = room.blank.value
    ? "Paint on the drawing. What you change is redone here."
    : result.value && !room.stale.value
      ? `Done in ${formatMs(result.value.report.ms.sparse)} by blocks`
      : room.unsound.value
        ? "Not up to date: steps, guidance or seed is missing or out of range"
        : "Not up to date";
  return (
    <section class="pane result card stack" aria-label="Result" aria-busy={studio.busy.value}>
      <header class="row">
        <h2>{names[room.view.value][0]}</h2>
        <div class="row segments" role="group" aria-label="What to show">
          {views.map((view) => (
            <button
              key={view}
              type="button"
              aria-pressed={room.view.value === view}
              title={names[view][1]}
              onClick={() => (room.view.value = view)}
            >
              {names[view][0]}
            </button>
          ))}
        </div>
        <Check field={room.showTiles} title="What the model computes anew (S)">
          Tiles
        </Check>
      </header>
      <Surface
        room={room}
        label="Result"
        scene={scene}
        paints={false}
        seen={() => room.shown.value?.image ?? (room.drawing.value && flatten(room.drawing.value))}
      />
      {room.view.value === "difference" && (
        <p>Black: equal. Red to white: the edit by blocks and the edit as a whole differ, {gain} times brightened.</p>
      )}
      <ProgressLine studio={studio} rest={rest} done={!!result.value} />
      <div class="row">
        <button
          type="button"
          class="main"
          aria-disabled={!result.value || studio.busy.value}
          title="The result becomes the picture that you paint on"
          onClick={() => room.accept()}
        >
          Accept <kbd>A</kbd>
        </button>
        <button
          type="button"
          aria-disabled={!room.stale.value || studio.busy.value}
          onClick={() => void room.compute()}
        >
          Recompute <kbd>Ctrl ↵</kbd>
        </button>
        <button type="button" aria-disabled={!studio.busy.value} onClick={() => room.cancel()}>
          Cancel <kbd>Esc</kbd>
        </button>
        <button type="button" onClick={() => void room.save()}>
          Download
        </button>
        <Check field={room.auto} title="When a stroke ends; the latest one wins">
          Recompute after each stroke
        </Check>
      </div>
    </section>
  );
}

const Check = ({ field, title, children }: { field: Signal<boolean>; title: string; children: string }) => (
  <label class="check" title={title}>
    <input
      type="checkbox"
      checked={field.value}
      onChange={({ currentTarget }) => (field.value = currentTarget.checked)}
    />
    {children}
  </label>
);
