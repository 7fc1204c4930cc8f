import type { Signal } from "@preact/signals";
import { Icon } from "../../Icon.tsx";
import { largestBrush, tools, type EditRoom, type Tool } from "./room.ts";

const keys: Record<Tool, string> = { brush: "B", eraser: "E", bucket: "G", eyedropper: "I", hand: "H" };
const icons = {
  brush:
    "M20 4C14 6 10 10 8.5 14.5l1 1C14 14 18 10 20 4zM7.5 15.5C5 15 4.5 17 4.5 18.5 4.5 19.5 3.5 20 3 20c3 1.2 7.5.5 6.5-3z",
  eraser: "M8 20l-5-5L13 5l7 7-8 8zM8.5 9.5l7 7M8 20h13",
  bucket: "M10 3l9 9-8 8-8-8 8-8M4 12h14M20.5 15c1.5 2.5 1.5 5 0 5s-1.5-2.5 0-5z",
  eyedropper: "M11 9l4 4-8 8H3v-4zM9.5 7.5l7 7M14 8l3-4a2.1 2.1 0 0 1 3 3l-4 3",
  hand: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
  undo: "M8 5l-5 5 5 5M3 10h11a5.5 5.5 0 0 1 0 11h-4",
  redo: "M16 5l5 5-5 5M21 10H10a5.5 5.5 0 0 0 0 11h4",
  clear: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  dice: "M4 4h16v16H4zM8 8h.01M16 8h.01M12 12h.01M8 16h.01M16 16h.01",
  help: "M9 9a3 3 0 1 1 4.2 2.7C12.3 12.2 12 13 12 14M12 17.5h.01M12 3a9 9 0 1 0 .01 0",
};
const swatches =
  "white #ffffff,ink #1d2433,grey #6b7280,brown #8a5a3b,red #e4572e,yellow #f2c14e,snow #e8d9d3,pine #1e5a32,green #6cae75,blue #3f88c5,navy #27408b,violet #7a5c99"
    .split(",")
    .map((swatch) => swatch.split(" "));

/** What one paints with. */
export function Toolbar({ room, onHelp }: { room: EditRoom; onHelp(): void }) {
  const history = room.history.value;
  return (
    <div class="tools card row" role="toolbar" aria-label="Painting">
      <div class="row" role="group" aria-label="Tools">
        {tools.map((tool) => {
          const take = () => void (room.tool.value = tool);
          return button(tool, `Take the ${tool}`, keys[tool], take, { pressed: room.tool.value === tool });
        })}
      </div>
      <div class="row">
        <input
          type="color"
          aria-label="Colour"
          title="Colour"
          value={room.colour}
          onInput={(event) => paintWith(event.currentTarget.value)}
        />
        <div class="swatches" role="group" aria-label="Swatches">
          {swatches.map(([name, hex]) => (
            <button
              key={hex}
              type="button"
              style={{ background: hex }}
              aria-label={name}
              title={name}
              aria-pressed={room.colour.value === hex}
              onClick={() => paintWith(hex)}
            />
          ))}
        </div>
      </div>
      <div class="row sliders">
        <Slider label="Size" field={room.size} min={1} max={largestBrush} step={1} text={(v) => `${v} px`} />
        <Slider label="Hardness" field={room.hardness} min={0} max={1} step={0.05} text={percent} />
        <Slider label="Opacity" field={room.opacity} min={0.05} max={1} step={0.05} text={percent} />
      </div>
      <div class="row">
        {button("undo", "Undo", "Ctrl+Z", () => room.undo(), { off: !history?.past.length })}
        {button("redo", "Redo", "Ctrl+Shift+Z", () => room.redo(), { off: !history?.future.length })}
        {button("clear", "Take all paint off", "Delete", () => room.clear(), { off: room.blank.value })}
        {button("fit", "See all of it", "0", () => void (room.viewport.value = undefined), {
          off: !room.viewport.value,
        })}
        {button("help", "Keys", "?", onHelp)}
      </div>
    </div>
  );

  function paintWith(hex: string): void {
    room.colour.value = hex;
    if (room.tool.value !== "bucket") room.tool.value = "brush";
  }
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

interface SliderProps {
  readonly label: string;
  readonly field: Signal<number>;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  text(value: number): string;
}

export const Slider = ({ label, field, text, ...range }: SliderProps) => (
  <label class="slider">
    <span>
      {label} <small aria-hidden="true">{text(field.value)}</small>
    </span>
    <input
      type="range"
      {...range}
      value={field}
      aria-valuetext={text(field.value)}
      onInput={({ currentTarget }) => (field.value = Number(currentTarget.value))}
    />
  </label>
);

/** A button with an icon, and its name and keys as a hint. */
export function button(
  icon: keyof typeof icons,
  name: string,
  keys: string,
  act: () => void,
  { pressed, off }: { readonly pressed?: boolean; readonly off?: boolean } = {},
) {
  const state = { "aria-pressed": pressed, "aria-disabled": off };
  return (
    <button
      key={icon}
      type="button"
      class="tool"
      aria-label={name}
      title={`${name} (${keys})`}
      {...state}
      onClick={act}
    >
      <Icon path={icons[icon]} />
    </button>
  );
}
