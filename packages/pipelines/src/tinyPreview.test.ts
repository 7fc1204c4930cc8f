import { tinyDecoderGraph } from "@tessera/models";
import { memorySource } from "@tessera/safetensors";
import { backends, randomWeights, uniform } from "@tessera/testing";
import { expect, test } from "vitest";
import { tinyPreview } from "./tinyPreview.ts";

test("a picture in full size from latents, and nothing left behind", async () => {
  const backend = await (await backends()).find(({ name }) => name === "wasm")!.open();
  const size = { width: 32, height: 16 };
  const preview = await tinyPreview(backend, randomWeights(tinyDecoderGraph()), size);
  const image = await preview.draw(uniform(4 * 2 * 4));
  expect(image).toMatchObject(size);
  expect(await preview.draw(uniform(4 * 2 * 4, 9))).not.toEqual(image);
  preview.dispose();
  expect(backend.liveBytes).toBe(0);
  await expect(tinyPreview(backend, memorySource({}), size)).rejects.toThrow("missing decoder.layers.0.weight");
  await backend.dispose();
});
