import type { EditSession } from "@tessera/pipelines";
import { expect, test } from "vitest";
import { EditDesk } from "./editDesk.ts";
import { drawingOn, layer, type Drawing } from "./views/edit/drawing.ts";

const settings = { prompt: "a house", seed: 1, steps: 2, guidance: 1, strength: 0.5 };
const watch = { onProgress() {}, signal: new AbortController().signal };

/** A desk, and what it asks of sessions. */
function desk() {
  const calls: string[] = [];
  const call = (name: string) => async () => calls.push(name) > 0;
  const opened = new EditDesk(async () => {
    calls.push("open");
    const session = { edit: call("edit"), accept: call("accept"), undo: call("undo"), redo: call("redo") };
    return { ...session, dispose: () => calls.push("dispose") } as unknown as EditSession;
  });
  const edit = (drawing: Drawing, other: Partial<typeof settings> = {}) =>
    opened.edit({ drawing, settings: { ...settings, ...other }, compare: false }, watch);
  const since = () => calls.splice(0).join(" ");
  return { edit, since };
}

const pixels = () => new Uint8ClampedArray(4).fill(255);
const picture = () => ({ ...drawingOn({ width: 1, height: 1, data: pixels() }), paint: layer(pixels()) });
const painted = (drawing: Drawing) => ({ ...drawing, paint: layer(pixels()) });
const accepted = ({ base, paint }: Drawing): Drawing => {
  const next = picture();
  return { ...next, base: { ...next.base, from: { base: base.id, paint: paint.id } } };
};

test("strokes on one picture share a session; other settings and other pictures open another", async () => {
  const { edit, since } = desk();
  const first = picture();
  await edit(first);
  await edit(painted(first));
  expect(since()).toBe("open edit edit");
  await edit(first, { strength: 0.6 });
  expect(since()).toBe("dispose open edit");
  await edit(picture(), { strength: 0.6 });
  expect(since()).toBe("dispose open edit");
});

test("an accepted result is followed, and so are undo and redo", async () => {
  const { edit, since } = desk();
  const first = picture();
  const second = accepted(first);
  const third = accepted(second);
  for (const drawing of [first, second, third]) await edit(drawing);
  expect(since()).toBe("open edit accept edit accept edit");
  await edit(painted(first));
  expect(since()).toBe("undo undo edit");
  await edit(painted(third));
  expect(since()).toBe("redo redo edit");
  const fork = painted(second);
  await edit(fork);
  await edit(accepted(fork));
  expect(since()).toBe("undo edit accept edit");
  await edit(painted(third));
  expect(since()).toBe("dispose open edit");
});

test("a result that is not the session's last is opened as a picture of its own", async () => {
  const { edit, since } = desk();
  const first = picture();
  await edit(first);
  await edit(painted(first));
  await edit(accepted(first));
  expect(since()).toBe("open edit edit dispose open edit");
});
