import { DeviceLostError } from "@tessera/kernels";
import type { EditResult } from "@tessera/pipelines";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { EditRequest } from "../../editDesk.ts";
import type { Watcher } from "../../engine.ts";
import type { RemoteEngine } from "../../remoteEngine.ts";
import { Studio } from "../../studio.ts";
import { drawingOn } from "./drawing.ts";
import { begin } from "./history.ts";
import { EditRoom } from "./room.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A room with a grey picture, and an engine that answers when it is told to. */
async function roomWithEngine() {
  const asked: {
    request: EditRequest;
    watcher: Watcher;
    signal: AbortSignal;
    answer(): void;
    fail(error: Error): void;
  }[] = [];
  const engine: RemoteEngine = {
    open: async () => ({ backend: "wasm" }) as never,
    generate: () => Promise.reject(new Error("not asked for")),
    measure: () => Promise.reject(new Error("not asked for")),
    edit: (request, watcher, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
        const { width, height, paint } = request.drawing;
        const image = { width, height, data: paint.data.slice() };
        const result = { image, report: { blocks: [] }, ...(request.compare && { dense: image }) };
        asked.push({ request, watcher, signal, answer: () => resolve(result as unknown as EditResult), fail: reject });
      }),
  };
  const studio = new Studio(engine, "checkpoint");
  await studio.open("auto");
  const room = new EditRoom(studio);
  room.history.value = begin(drawingOn({ width: 8, height: 8, data: new Uint8ClampedArray(256).fill(128) }));
  const settle = () => vi.advanceTimersByTimeAsync(200);
  const fill = async (colour: string) => {
    room.colour.value = colour;
    room.pour({ x: 1, y: 1 });
    await settle();
  };
  return { room, studio, asked, settle, fill };
}

test("the latest change wins: what it overtakes is aborted, and only its result is shown", async () => {
  const { room, studio, asked, settle, fill } = await roomWithEngine();
  await fill("#ff0000");
  await fill("#00ff00");
  expect(asked).toHaveLength(2);
  expect(asked[0].signal.aborted).toBe(true);
  asked[0].watcher.progress({ phase: "sample", step: 9, total: 10, liveBytes: 1 }); // too late
  expect(studio.progress.value?.step).toBe(0);
  asked[1].watcher.progress({ phase: "sample", step: 1, total: 10, liveBytes: 1 });
  expect(studio.progress.value?.step).toBe(1);
  asked[0].answer();
  await settle();
  expect(room.result.value).toBeUndefined();
  asked[1].answer();
  await settle();
  expect([...room.result.value!.image.data.subarray(0, 4)]).toEqual([0, 255, 0, 255]);
});

test("changes in quick succession are one request", async () => {
  const { room, asked, settle } = await roomWithEngine();
  for (const colour of ["#ff0000", "#00ff00", "#0000ff"]) {
    room.colour.value = colour;
    room.pour({ x: 1, y: 1 });
    await vi.advanceTimersByTimeAsync(50);
  }
  await settle();
  expect(asked).toHaveLength(1);
  expect([...asked[0].request.drawing.paint.data.subarray(0, 4)]).toEqual([0, 0, 255, 255]);
});

test("undo and redo bring back the results that belong there, without the engine", async () => {
  const { room, asked, settle, fill } = await roomWithEngine();
  await fill("#ff0000");
  asked[0].answer();
  await settle();
  const red = room.result.value;
  await fill("#00ff00");
  asked[1].answer();
  await settle();
  room.undo();
  expect(room.result.value).toBe(red);
  room.undo();
  expect(room.shown.value).toBeUndefined();
  room.redo();
  await settle();
  expect(room.result.value).toBe(red);
  expect(asked).toHaveLength(2);
});

test("comparing asks for the whole edit once; other settings ask anew", async () => {
  const { room, asked, settle, fill } = await roomWithEngine();
  await fill("#ff0000");
  asked[0].answer();
  await settle();
  room.view.value = "difference";
  await settle();
  expect(asked.map(({ request }) => request.compare)).toEqual([false, true]);
  asked[1].answer();
  await settle();
  room.view.value = "result";
  room.view.value = "whole";
  await settle();
  expect(asked).toHaveLength(2);
  room.settings.strength.value = 0.3;
  await settle();
  expect(asked[2].request.settings.strength).toBe(0.3);
});

test("cancelling leaves the drawing and its last result, and the next call computes", async () => {
  const { room, studio, asked, settle, fill } = await roomWithEngine();
  await fill("#ff0000");
  room.cancel();
  await settle();
  expect(asked[0].signal.aborted).toBe(true);
  expect(room.stale.value).toBe(true);
  expect(studio.cancelled.value).toBe(true);
  void room.compute();
  await settle();
  asked[1].answer();
  await settle();
  expect(room.stale.value).toBe(false);
});

test("cancelling right after a stroke stops the older edit, and the stroke's own before it begins", async () => {
  const { room, asked, settle, fill } = await roomWithEngine();
  await fill("#ff0000");
  room.colour.value = "#00ff00";
  room.pour({ x: 1, y: 1 });
  room.cancel();
  await settle();
  expect(asked).toHaveLength(1);
  expect(asked[0].signal.aborted).toBe(true);
  expect(room.stale.value).toBe(true);
});

test("what is asked for right after a stroke begins at once, and once", async () => {
  const { room, asked, settle } = await roomWithEngine();
  room.pour({ x: 1, y: 1 });
  void room.compute();
  await settle();
  expect(asked).toHaveLength(1);
  expect(asked[0].signal.aborted).toBe(false);
});

test("after the device was lost for good, the next edit opens another", async () => {
  const { room, studio, asked, settle, fill } = await roomWithEngine();
  await fill("#ff0000");
  asked[0].fail(new DeviceLostError("The device was lost."));
  await settle();
  expect([studio.device.value, studio.failure.value]).toEqual([undefined, "The device was lost."]);
  void room.compute();
  await settle();
  asked[1].answer();
  await settle();
  expect(studio.device.value).toBeDefined();
  expect([studio.failure.value, room.stale.value]).toEqual(["", false]);
});

test("an accepted result is the next picture, and undo takes it back", async () => {
  const { room, asked, settle, fill } = await roomWithEngine();
  await fill("#ff0000");
  asked[0].answer();
  await settle();
  const before = room.drawing.value!;
  room.accept();
  expect([...room.drawing.value!.base.data.subarray(0, 4)]).toEqual([255, 0, 0, 255]);
  expect(room.blank.value).toBe(true);
  room.undo();
  expect(room.drawing.value).toEqual(before);
  expect(room.stale.value).toBe(false);
});

test("painting while the model is loading waits for it, and disturbs nothing", async () => {
  const { room, studio, asked, settle } = await roomWithEngine();
  studio.device.value = undefined;
  const loading = studio.open("wasm");
  room.pour({ x: 1, y: 1 });
  await settle();
  await loading;
  await settle();
  expect(studio.device.value).toBeDefined();
  expect(asked).toHaveLength(1);
});

test("settings that are missing or out of range ask for nothing, and are told", async () => {
  const { room, asked, settle, fill } = await roomWithEngine();
  expect(room.unsound.value).toBe(false);
  for (const steps of ["", "0", "2.5", "201"]) {
    room.settings.steps.value = steps;
    await fill("#ff0000");
    expect(room.unsound.value).toBe(true);
  }
  expect(asked).toHaveLength(0);
  room.settings.steps.value = "200";
  await settle();
  expect(room.unsound.value).toBe(false);
  expect(asked).toHaveLength(1);
});
