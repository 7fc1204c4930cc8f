import { DeviceLostError, type Backend, type Program } from "@tessera/kernels";
import { nullBackend } from "@tessera/kernels/null";
import { backends, fixture, fixturePath, renewable } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { openGaugan } from "./node/openGaugan.ts";
import { lazyGaugan, paintGaugan, type GauganCheckpoint } from "./paintGaugan.ts";
import { editedLabels, openPaintSession } from "./paintSession.ts";
import type { Progress } from "./progress.ts";

const [height, width] = fixture("tiny-gaugan/expected.safetensors").shape("label");
const halves = Uint8Array.from({ length: width * height }, (_, i) => (i < (width * height) / 2 ? 23 : 7));
const map = (labels = halves) => ({ width, height, labels });
/** The map with a car. */
const changed = (() => {
  const labels = halves.slice();
  for (let row = 10; row < 16; row++) labels.fill(26, row * width + 8, row * width + 16);
  return map(labels);
})();

let checkpoint: GauganCheckpoint;
beforeAll(async () => void (checkpoint = await openGaugan(fixturePath("tiny-gaugan"))));
afterAll(() => checkpoint.close());
const found = await backends();

test("what cannot be painted is refused before anything is loaded", async () => {
  const backend = nullBackend();
  const record = vi.spyOn(backend, "record");
  const gaugan = lazyGaugan(checkpoint, backend);
  const small = { width: 8, height: 8, labels: new Uint8Array(64) };
  const unknown = map(halves.with(3, 40));
  for (const [wrong, message] of [
    [small, `The label map is 8×8, but this model paints ${width}×${height}`],
    [unknown, "column 3, row 0 is 40, but this model knows 0 … 34"],
  ] as const) {
    await expect(paintGaugan(gaugan, wrong)).rejects.toThrow(message);
    await expect(openPaintSession(gaugan, wrong)).rejects.toThrow(message);
    expect(() => editedLabels(gaugan, map(), wrong)).toThrow(message);
  }
  expect(() => editedLabels(gaugan, map(), map())).toThrow("The labels are the same");
  expect(record).not.toHaveBeenCalled();
  await paintGaugan(gaugan, map());
  await paintGaugan(gaugan, changed);
  expect(record).toHaveBeenCalledTimes(1);
  gaugan.dispose();
});

describe("a session of repaints", () => {
  test("tells how much is done, stops, and goes on", async () => {
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => (now += 200)); // nothing is too soon to be told
    onTestFinished(() => clock.mockRestore());
    const wasm = await found.find(({ name }) => name === "wasm")!.open();
    onTestFinished(() => wasm.dispose());
    const backend: Backend = Object.create(wasm, { record: { value: record } });
    async function record(...given: Parameters<Backend["record"]>): Promise<Program> {
      const program = await wasm.record(...given);
      const run: Program["run"] = async (inputs, { signal, onProgress } = {}) => {
        onProgress?.(1, 2);
        return program.run(inputs, { signal });
      };
      return { ...program, run };
    }
    const told: string[] = [];
    const onProgress = ({ phase, step, within, detail = "" }: Progress) =>
      void (phase !== "load" && told.push(`${phase} ${within ?? step} ${detail}`.trim()));
    const session = await openPaintSession(lazyGaugan(checkpoint, backend), map(), { onProgress });
    onTestFinished(() => session.dispose());
    expect(told.splice(0)).toEqual(["decode 0 recording", "decode 0.5 recording"]);
    const { image } = await session.edit({ map: changed, compare: true, onProgress });
    expect(told).toEqual(["decode 0", "decode 0.5", "decode 1", "decode 0 as a whole", "decode 0.5 as a whole"]);
    const stop = new AbortController();
    const abort = ({ within }: Progress) => within && stop.abort(new Error("enough"));
    const stopped = session.edit({ map: changed, signal: stop.signal, onProgress: abort });
    await expect(stopped).rejects.toThrow("enough");
    expect((await session.edit({ map: changed })).image.data).toEqual(image.data);
  });

  // Software adapters take a minute to compile it all twice.
  const isAsked = process.env.CONFORMANCE === "whole" && found.some(({ name }) => name === "webgpu");
  test.runIf(isAsked)("outlives its device, on WebGPU", { timeout: 120_000 }, async () => {
    const { devices, backend } = await renewable();
    const session = await openPaintSession(lazyGaugan(checkpoint, backend), map());
    const { image } = await session.edit({ map: changed });
    devices[0].destroy();
    expect((await session.edit({ map: changed })).image.data).toEqual(image.data);
    expect(devices.length).toBe(2);
    const onProgress = () => devices.at(-1)!.destroy();
    await expect(session.edit({ map: changed, onProgress })).rejects.toThrow(DeviceLostError);
  });
});
