import { expect, test } from "vitest";
import { chordOf, shortcutsOf } from "./shortcuts.ts";

const plain = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false };

test.each([
  [{ key: "b" }, "b"],
  [{ key: "z", ctrlKey: true }, "ctrl+z"],
  [{ key: "z", metaKey: true }, "ctrl+z"],
  [{ key: "Z", ctrlKey: true, shiftKey: true }, "ctrl+shift+z"],
  [{ key: "?", shiftKey: true }, "?"],
  [{ key: "{", shiftKey: true }, "{"],
  [{ key: "[", ctrlKey: true, altKey: true }, "["], // AltGr
  [{ key: "Escape" }, "esc"],
  [{ key: "Enter", ctrlKey: true }, "ctrl+enter"],
  [{ key: "b", altKey: true }, "alt+b"],
])("%o is spelled %s", (pressed, chord) => expect(chordOf({ ...plain, ...pressed })).toBe(chord));

test("no two shortcuts share a key", () => {
  const keys = shortcutsOf({ openFile() {}, help() {}, zoom() {} }).flatMap((shortcut) => shortcut.keys);
  expect(new Set(keys).size).toBe(keys.length);
});
