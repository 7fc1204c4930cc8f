import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fixturePath } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tuningFile } from "./tuningFile.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

describe("--tune", () => {
  let cache: string;
  beforeAll(async () => void (cache = await mkdtemp(join(tmpdir(), "tessera-tuning-"))));
  afterAll(() => rm(cache, { recursive: true }));
  const file = () => join(cache, "tessera", "tuning.json");

  function tessera(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, ["--conditions=source", "--import", "tsx", "apps/cli/src/main.ts", ...args], {
      cwd: root,
      env: { ...process.env, XDG_CACHE_HOME: cache },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
    return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
  }
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
    const first = await tessera(...args);
    expect(first.code, first.stderr).toBe(0);
    expect(first.stderr).toContain("vae_decoder tuning");
    const kept = await readFile(file(), "utf8");
    expect(kept).toContain('"conv2d.winograd4": ');

    const second = await tessera(...args);
    expect(second.code, second.stderr).toBe(0);
    expect(second.stderr).not.toContain("tuning");
    expect(await readFile(file(), "utf8")).toBe(kept);

    await writeFile(file(), "not ours");
    const third = await tessera(...args);
    expect(third.code, third.stderr).toBe(0);
    expect(third.stderr).toContain(`warning: ${file()} is not used for tuning, and left as it is: `);
    expect(await readFile(file(), "utf8")).toBe("not ours");
  });

  test("a folder that cannot be written is named", async () => {
    await expect(tuningFile("/dev/null/tuning.json").write("")).rejects.toThrow("/dev/null");
  });
});
