import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memorySource } from "../memorySource.ts";
import type { TensorData } from "../WeightSource.ts";
import { encodeSafetensors } from "../writeSafetensors.ts";
import { fileSource } from "./fileSource.ts";
import { openCheckpoint } from "./openCheckpoint.ts";
import { replaceFile } from "./replaceFile.ts";
import { writeSafetensorsFile } from "./writeSafetensorsFile.ts";

const fixture = fileURLToPath(
  new URL("../../../../fixtures/tiny-sd/unet/diffusion_pytorch_model.safetensors", import.meta.url),
);
const tensors: Record<string, TensorData> = {
  a: { dtype: "F32", shape: [2], data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  b: { dtype: "U8", shape: [], data: Uint8Array.of(9) },
};

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "safetensors-"))));
afterEach(() => rm(folder, { recursive: true }));

describe("reading", () => {
  test("a file, as its bytes in memory", async () => {
    const source = await openCheckpoint(fixture);
    const whole = memorySource(new Uint8Array(await readFile(fixture)));
    const names = [...source.names()];
    expect(names).toEqual([...whole.names()]);
    const [first, last] = await Promise.all([source.get(names[0]!), source.get(names.at(-1)!)]);
    expect(first).toEqual({ ...(await whole.get(names[0]!)), data: first.data });
    expect(Buffer.compare(first.data, (await whole.get(names[0]!)).data)).toBe(0);
    expect(Buffer.compare(last.data, (await whole.get(names.at(-1)!)).data)).toBe(0);
    await source.close?.();
    await source.close?.();
    await expect(source.get(names[0]!)).rejects.toMatchObject({ code: "Closed" });
  });

  test("shards beside their index", async () => {
    await writeSafetensorsFile(join(folder, "1.safetensors"), { a: tensors.a! });
    await writeSafetensorsFile(join(folder, "2.safetensors"), { b: tensors.b! });
    const index = join(folder, "m.safetensors.index.json");
    await writeFile(index, '{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}');
    const source = await openCheckpoint(index);
    expect((await source.get("b")).data).toEqual(Uint8Array.of(9));
    await source.close?.();
    await rm(join(folder, "2.safetensors"));
    await expect(openCheckpoint(index)).rejects.toMatchObject({ code: "MissingShard" });
  });

  test("pickles are refused with advice, by name and by content", async () => {
    for (const name of ["x.ckpt", "x.bin", "x.pt", "X.PTH"]) {
      await expect(openCheckpoint(name)).rejects.toMatchObject({
        code: "PickleRefused",
        message: expect.stringContaining("save_file"),
      });
    }
    const path = join(folder, "x.safetensors");
    await writeFile(path, "PK\x03\x04, in truth a pickle");
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      code: "PickleRefused",
      message: expect.stringContaining(path),
    });
    await expect(openCheckpoint("x.gguf")).rejects.toMatchObject({ code: "UnknownFormat" });
  });

  test("errors name the path", async () => {
    for (const name of ["none.safetensors", "none.json"]) {
      const path = join(folder, name);
      await expect(openCheckpoint(path)).rejects.toMatchObject({
        code: "NotFound",
        message: expect.stringContaining(path),
      });
    }
    await expect(fileSource(folder)).rejects.toMatchObject({
      code: "ReadFailed",
      message: expect.stringContaining(folder),
    });
  });

  test("a file that is cut off while it is open", async () => {
    const path = join(folder, "x.safetensors");
    await writeSafetensorsFile(path, tensors);
    const source = await fileSource(path);
    await truncate(path, (await stat(path)).size - 5);
    await expect(source.get("a")).rejects.toMatchObject({
      code: "Truncated",
      tensor: "a",
      numbers: { expected: 8, actual: 4 },
    });
    await source.close?.();
  });
});

describe("writing", () => {
  const path = () => join(folder, "x.safetensors");

  test("writes what encodeSafetensors returns, from tensors, entries and sources", async () => {
    const expected = Buffer.from(encodeSafetensors(tensors, { format: "pt" }));
    for (const input of [tensors, Object.entries(tensors), new Map(Object.entries(tensors)), memorySource(tensors)]) {
      await writeSafetensorsFile(path(), input, { format: "pt" });
      expect(await readFile(path())).toEqual(expected);
    }
    expect(await readdir(folder)).toEqual(["x.safetensors"]);
  });

  test("a failure leaves the old file, and no other", async () => {
    await writeSafetensorsFile(path(), tensors);
    const before = await readFile(path());
    const source = memorySource(tensors);
    const failing = {
      ...source,
      get: async (name: string) => (name === "a" ? source.get(name) : Promise.reject(new Error("gone"))),
    };
    await expect(writeSafetensorsFile(path(), failing)).rejects.toThrow("gone");
    await expect(writeSafetensorsFile(path(), { a: { ...tensors.a!, shape: [3] } })).rejects.toMatchObject({
      code: "SizeMismatch",
    });
    expect(await readFile(path())).toEqual(before);
    expect(await readdir(folder)).toEqual(["x.safetensors"]);
  });

  test("a link is written through", async () => {
    await writeSafetensorsFile(path(), { a: tensors.a! });
    await symlink("x.safetensors", join(folder, "link.safetensors"));
    await writeSafetensorsFile(join(folder, "link.safetensors"), tensors);
    expect(await readFile(path())).toEqual(Buffer.from(encodeSafetensors(tensors)));
    expect((await readdir(folder)).toSorted()).toEqual(["link.safetensors", "x.safetensors"]);
  });

  test("a folder that does not exist, and one in the file's place", async () => {
    const nowhere = join(folder, "none", "x.safetensors");
    await expect(writeSafetensorsFile(nowhere, tensors)).rejects.toMatchObject({
      code: "WriteFailed",
      message: expect.stringContaining(nowhere),
    });
    await expect(writeSafetensorsFile(folder, tensors)).rejects.toMatchObject({
      code: "WriteFailed",
      message: expect.stringContaining(folder),
    });
  });

  test.skipIf(!existsSync("/dev/full"))("a full disk", async () => {
    await expect(writeSafetensorsFile("/dev/full", tensors)).rejects.toMatchObject({
      code: "DiskFull",
      message: expect.stringContaining("/dev/full"),
      numbers: { written: 0 },
    });
  });

  test("replaceFile takes any bytes in pieces", async () => {
    await replaceFile(path(), async (sink) => {
      await sink.write(Uint8Array.of(1));
      await sink.write(new Uint8Array(0));
      await sink.write(Uint8Array.of(2, 3));
    });
    expect([...(await readFile(path()))]).toEqual([1, 2, 3]);
  });
});
