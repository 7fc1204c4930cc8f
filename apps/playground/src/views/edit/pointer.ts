import type { Image } from "@tessera/pipelines";
import type { EditRoom } from "./room.ts";
import { fit, pan, toPicture, zoom, type Point, type Size, type Viewport } from "./viewport.ts";

/** A pane as pointers need it. */
export interface Pane {
  readonly canvas: HTMLCanvasElement;
  readonly room: EditRoom;
  /** Whether brushes paint here. */
  readonly paints: boolean;
  /** What is seen, to take colours from. */
  seen(): Image | undefined;
}

const paneSize = ({ clientWidth, clientHeight }: HTMLCanvasElement): Size => ({
  width: clientWidth,
  height: clientHeight,
});

/** What a pane shows now. */
export const viewOf = (room: EditRoom, canvas: HTMLCanvasElement): Viewport =>
  room.viewport.value ?? fit(room.drawing.value ?? { width: 1, height: 1 }, paneSize(canvas));

/** Zooms about a point of the pane, its middle if none is given. */
export function zoomBy(room: EditRoom, canvas: HTMLCanvasElement, factor: number, at?: Point): void {
  const pane = paneSize(canvas);
  room.viewport.value = zoom(viewOf(room, canvas), pane, at ?? { x: pane.width / 2, y: pane.height / 2 }, factor);
}

type Action = "none" | "paint" | "pick" | "pan" | "pinch";

/** Mouse, pen and fingers: one paints, two pinch, the middle button pans, the wheel zooms, Alt takes a colour. */
export function listen({ canvas, room, paints, seen }: Pane): () => void {
  const touches = new Map<number, Point>();
  let action: Action = "none";
  const onPane = ({ clientX, clientY }: MouseEvent): Point => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };
  const onPicture = (event: MouseEvent): Point => toPicture(viewOf(room, canvas), paneSize(canvas), onPane(event));
  const press = (event: PointerEvent) => ({
    ...onPicture(event),
    pressure: event.pointerType === "pen" && event.pressure > 0 ? event.pressure : 1,
  });
  const pick = (event: PointerEvent) => {
    const image = seen();
    if (image) room.pick(onPicture(event), image);
  };
  const move = (dx: number, dy: number) => {
    room.viewport.value = pan(viewOf(room, canvas), room.drawing.value!, dx, dy);
  };

  function actionOf({ button, altKey }: PointerEvent): Action {
    const tool = room.tool.value;
    if (button === 1 || room.panning.value || tool === "hand") return "pan";
    if (button === 2 || altKey || tool === "eyedropper") return "pick";
    return paints ? "paint" : "pan";
  }

  const down = (event: PointerEvent) => {
    if (!room.drawing.value) return;
    canvas.setPointerCapture(event.pointerId);
    touches.set(event.pointerId, onPane(event));
    if (touches.size > 1) {
      room.abandon();
      action = "pinch";
      return;
    }
    action = event.buttons & 32 ? "paint" : actionOf(event); // 32: the pen's other end, which erases
    if (action === "pick") pick(event);
    if (action !== "paint") return;
    if (room.tool.value === "bucket") {
      room.pour(onPicture(event));
      action = "none";
    } else room.begin(press(event), { straight: event.shiftKey, ...(event.buttons & 32 && { erase: true }) });
  };

  const moved = (event: PointerEvent) => {
    if (!room.drawing.value) return;
    room.cursor.value = onPicture(event);
    const before = touches.get(event.pointerId);
    if (!before) return;
    const now = onPane(event);
    if (action === "pinch") {
      const other = [...touches].find(([id]) => id !== event.pointerId)?.[1];
      const distance = (p: Point) => Math.hypot(p.x - other!.x, p.y - other!.y);
      const middle = other && { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
      move((now.x - before.x) / 2, (now.y - before.y) / 2);
      if (middle && distance(before) > 0) zoomBy(room, canvas, distance(now) / distance(before), middle);
    }
    touches.set(event.pointerId, now);
    if (action === "pan") move(now.x - before.x, now.y - before.y);
    if (action === "pick") pick(event);
    if (action === "paint") {
      const events = event.getCoalescedEvents?.() ?? [];
      room.extend((events.length ? events : [event]).map(press));
    }
  };

  const up = (event: PointerEvent) => {
    if (!touches.delete(event.pointerId) || touches.size) return;
    if (action === "paint" && event.type === "pointerup") room.finish();
    else room.abandon();
    action = "none";
  };

  const leave = () => {
    if (!touches.size) room.cursor.value = undefined;
  };

  const wheel = (event: WheelEvent) => {
    if (!room.drawing.value) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
    zoomBy(room, canvas, Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0015)), onPane(event));
  };

  const menu = (event: Event) => event.preventDefault();
  const stop = new AbortController();
  const heard = { pointerdown: down, pointermove: moved, pointerup: up, pointercancel: up, pointerleave: leave };
  for (const [type, hear] of Object.entries({ ...heard, contextmenu: menu, wheel }))
    canvas.addEventListener(type, hear as (event: Event) => void, { signal: stop.signal, passive: false });
  return () => stop.abort();
}
