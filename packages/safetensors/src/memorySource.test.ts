import { expect, test } from "vitest";
import { memorySource } from "./memorySource.ts";
import { merged } from "./merged.ts";
import { renamed } from "./renamed.ts";
import type { TensorData } from "./WeightSource.ts";

const bytes = (...data: number[]): TensorData => ({ dtype: "U8", shape: [data.length], data: Uint8Array.from(data) });
const source = memorySource({ "a.x": bytes(1), "a.y": bytes(2, 3) });

test("memorySource holds tensors and checks them", async () => {
  expect([...source.names()]).toEqual(["a.x", "a.y"]);
  expect(source.info("a.y")).toEqual({ name: "a.y", dtype: "U8", shape: [2], bytes: 2 });
  expect(source.info("toString")).toBeUndefined();
  expect((await source.get("a.y")).data).toEqual(Uint8Array.of(2, 3));
  const wrong: TensorData = { dtype: "F32", shape: [2], data: new Uint8Array(4) };
  expect(() => memorySource({ wrong })).toThrow(/"wrong": F32 \[2\] takes 8 bytes.* in 4 bytes/);
  expect(() => memorySource({ wrong: { ...wrong, shape: [-1] } })).toThrow(/no shape/);
  expect(() => memorySource({ wrong: { ...wrong, dtype: "F4" as "F32" } })).toThrow(/unknown dtype F4/);
});

test("renamed renames, leaves out and refuses to merge", async () => {
  const view = renamed(source, (name) => (name === "a.y" ? "b" : undefined));
  expect([...view.names()]).toEqual(["b"]);
  expect(view.info("b")).toMatchObject({ name: "b", bytes: 2 });
  expect(view.info("a.x")).toBeUndefined();
  expect((await view.get("b")).data).toEqual(Uint8Array.of(2, 3));
  await expect(view.get("a.x")).rejects.toMatchObject({ code: "MissingTensor", tensor: "a.x" });
  expect(() => renamed(source, () => "same")).toThrow('Both "a.x" and "a.y" would be named "same"');
});

test("merged joins sources, closes all and refuses a name twice", async () => {
  let closed = 0;
  const other = { ...memorySource({ b: bytes(4) }), close: async () => void closed++ };
  const all = merged(source, other);
  expect([...all.names()]).toEqual(["a.x", "a.y", "b"]);
  expect((await all.get("b")).data).toEqual(Uint8Array.of(4));
  await expect(all.get("c")).rejects.toMatchObject({ code: "MissingTensor", numbers: { count: 3 } });
  await all.close?.();
  expect(closed).toBe(1);
  expect(() => merged(source, source)).toThrow('"a.x" is in sources 0 and 1');
});
