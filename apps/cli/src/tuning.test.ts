import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixturePath, tessera } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tuningFile } from "./tuningFile.ts";

describe("--tune", () => {
  let cache: string;
  beforeAll(async () => void (cache = await mkdtemp(join(tmpdir(), "tessera-tuning-"))));
  afterAll(() => rm(cache, { recursive: true }));
  const file = () => join(cache, "tessera", "tuning.json");

  const command = (...args: string[]) => tessera(args, { env: { XDG_CACHE_HOME: cache } });
  const model = ["--model", fixturePath("tiny-sd"), "--component", "vae_decoder"];
  const decode = ["run", ...model, "--backend", "wasm", "--threads", "1", "--tune"];

  test("times kernels once, and keeps the times in the user's cache folder", async () => {
    const [inputs, outputs] = ["in", "out"].map((name) => join(cache, `${name}.safetensors`));
    const { writeSafetensorsFile } = await import("@tessera/safetensors/node");
    const latents = new Float32Array(4 * 8 * 8).fill(0.5);
    await writeSafetensorsFile(inputs, {
      latents: { dtype: "F32", shape: [1, 4, 8, 8], data: new Uint8Array(latents.buffer) },
    });
    const args = [...decode, "--inputs", inputs, "--outputs", outputs];
    const first = await command(...args);
    expect(first.code, first.stderr).toBe(0);
    expect(first.stderr).toContain("vae_decoder tuning");
    const kept = await readFile(file(), "utf8");
    expect(kept).toContain('"conv2d.winograd4": ');

    const second = await command(...args);
    expect(second.code, second.stderr).toBe(0);
    expect(second.stderr).not.toContain("tuning");
    expect(await readFile(file(), "utf8")).toBe(kept);

    await writeFile(file(), "not ours");
    const third = await command(...args);
    expect(third.code, third.stderr).toBe(0);
    expect(third.stderr).toContain(`warning: ${file()} is not used for tuning, and left as it is: `);
    expect(await readFile(file(), "utf8")).toBe("not ours");
  });

  test("a folder that cannot be written is named", async () => {
    await expect(tuningFile("/dev/null/tuning.json").write("")).rejects.toThrow("/dev/null");
  });
});
