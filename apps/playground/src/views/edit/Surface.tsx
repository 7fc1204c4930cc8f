import { effect, signal, type ReadonlySignal } from "@preact/signals";
import type { Image } from "@tessera/pipelines";
import { useEffect, useRef } from "preact/hooks";
import { drawScene, type Scene } from "./drawScene.ts";
import { listen, viewOf } from "./pointer.ts";
import type { EditRoom } from "./room.ts";

interface SurfaceProps {
  readonly room: EditRoom;
  readonly label: string;
  readonly scene: ReadonlySignal<Scene | undefined>;
  /** Whether brushes paint here. */
  readonly paints: boolean;
  seen(): Image | undefined;
}

const arrows: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** A scene on a canvas of the screen's own pixels, with pointers and keys. */
export function Surface({ room, label, scene, paints, seen }: SurfaceProps) {
  const canvas = useRef<HTMLCanvasElement>(null);

  useEffect(() => {
    const element = canvas.current!;
    const context = element.getContext("2d")!;
    const resized = signal(0);
    let frame = 0;
    const draw = () => {
      const { clientWidth: width, clientHeight: height } = element;
      const { color, borderColor } = getComputedStyle(element);
      if (scene.value)
        drawScene(context, scene.value, viewOf(room, element), { width, height }, { tile: color, edge: borderColor });
    };
    const observer = new ResizeObserver(() => {
      element.width = Math.max(1, Math.round(element.clientWidth * devicePixelRatio));
      element.height = Math.max(1, Math.round(element.clientHeight * devicePixelRatio));
      resized.value++;
    });
    observer.observe(element);
    const stop = effect(() => {
      void [scene.value, room.viewport.value, resized.value];
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(draw);
    });
    const deaf = listen({ canvas: element, room, paints, seen });
    return () => {
      stop();
      deaf();
      observer.disconnect();
      cancelAnimationFrame(frame);
    };
  }, [room, scene]);

  /** Arrows move a cursor, Enter uses the tool there: painting without a pointer. */
  const onKeyDown = (event: KeyboardEvent) => {
    const drawing = room.drawing.value;
    if (!drawing || event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = drawing;
    const at = room.cursor.value ?? { x: Math.floor(width / 2) + 0.5, y: Math.floor(height / 2) + 0.5 };
    const image = seen();
    if (event.key in arrows) {
      const [dx, dy] = arrows[event.key].map((d) => d * (event.shiftKey ? Math.max(1, room.size.value) : 1));
      const within = (value: number, most: number) => Math.min(most - 0.5, Math.max(0.5, value));
      room.cursor.value = { x: within(at.x + dx, width), y: within(at.y + dy, height) };
    } else if (event.key !== "Enter") return;
    else if (room.tool.value === "eyedropper" && image) room.pick(at, image);
    else if (room.tool.value === "bucket" && paints) room.pour(at);
    else if (paints) {
      room.begin({ ...at, pressure: 1 }, { straight: event.shiftKey });
      room.finish();
    }
    event.preventDefault();
  };

  return (
    <canvas
      ref={canvas}
      class="surface"
      role="application"
      tabIndex={0}
      aria-label={label}
      aria-describedby="painting-keys"
      data-tool={paints ? room.tool : "hand"}
      onKeyDown={onKeyDown}
    />
  );
}
