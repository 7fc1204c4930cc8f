import { randomSeed } from "../generate/settings.ts";
import { largestBrush, type EditRoom, type Tool, type View } from "./room.ts";

/** A key, or keys that do the same, and what they do. Ctrl means ⌘ too. */
export interface Shortcut {
  readonly keys: readonly string[];
  readonly does: string;
  act(room: EditRoom): void;
}

/** What the page does for keys, and no state of the room. */
export interface PageActions {
  openFile(): void;
  help(): void;
  zoom(factor: number): void;
}

const take = (key: string, tool: Tool): Shortcut => ({
  keys: [key],
  does: `take the ${tool}`,
  act: (room) => void (room.tool.value = tool),
});

export const shortcutsOf = ({ openFile, help, zoom }: PageActions): readonly Shortcut[] => [
  take("B", "brush"),
  take("E", "eraser"),
  take("G", "bucket"),
  take("I", "eyedropper"),
  take("H", "hand"),
  { keys: ["["], does: "smaller brush", act: (room) => resize(room, -1) },
  { keys: ["]"], does: "larger brush", act: (room) => resize(room, 1) },
  { keys: ["{"], does: "softer brush", act: (room) => soften(room, -0.2) },
  { keys: ["}"], does: "harder brush", act: (room) => soften(room, 0.2) },
  { keys: ["Ctrl+Z"], does: "undo", act: (room) => room.undo() },
  { keys: ["Ctrl+Shift+Z", "Ctrl+Y"], does: "redo", act: (room) => room.redo() },
  { keys: ["Delete"], does: "take all paint off", act: (room) => room.clear() },
  { keys: ["R"], does: "another seed", act: (room) => void (room.settings.seed.value = String(randomSeed())) },
  { keys: ["Ctrl+Enter"], does: "recompute now", act: (room) => void room.compute() },
  { keys: ["Esc"], does: "cancel", act: (room) => room.cancel() },
  { keys: ["A"], does: "accept the result", act: (room) => room.accept() },
  { keys: ["S"], does: "show active tiles", act: (room) => void (room.showTiles.value = !room.showTiles.value) },
  { keys: ["D"], does: "show the difference", act: (room) => show(room, "difference") },
  { keys: ["W"], does: "show the edit as a whole", act: (room) => show(room, "whole") },
  { keys: ["0"], does: "see all of it", act: (room) => void (room.viewport.value = undefined) },
  { keys: ["1"], does: "one to one", act: oneToOne },
  { keys: ["+", "="], does: "zoom in", act: () => zoom(1.25) },
  { keys: ["-"], does: "zoom out", act: () => zoom(0.8) },
  { keys: ["Ctrl+O"], does: "open a picture", act: openFile },
  { keys: ["Ctrl+S"], does: "save the result", act: (room) => void room.save() },
  { keys: ["?"], does: "this help", act: help },
];

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

/** A pressed key as a shortcut spells it, in small letters. Shift counts only beside letters: elsewhere it makes other characters. */
export function chordOf({ key, ctrlKey, metaKey, shiftKey, altKey }: Pressed): string {
  const typed = ctrlKey && altKey; // AltGr, by which some keyboards write brackets
  const name = key === "Escape" ? "esc" : key.toLowerCase();
  const ctrl = (ctrlKey || metaKey) && !typed ? "ctrl+" : "";
  const alt = altKey && !typed ? "alt+" : "";
  return `${ctrl}${alt}${shiftKey && name !== key.toUpperCase() ? "shift+" : ""}${name}`;
}

function resize(room: EditRoom, direction: 1 | -1): void {
  const step = Math.max(1, Math.round(room.size.value / 8));
  room.size.value = Math.min(largestBrush, Math.max(1, room.size.value + direction * step));
}

function soften(room: EditRoom, by: number): void {
  room.hardness.value = Math.min(1, Math.max(0, Math.round(10 * (room.hardness.value + by)) / 10));
}

function show(room: EditRoom, view: View): void {
  room.view.value = room.view.value === view ? "result" : view;
}

function oneToOne(room: EditRoom): void {
  const drawing = room.drawing.value;
  if (drawing) room.viewport.value = { x: drawing.width / 2, y: drawing.height / 2, scale: 1 };
}
