import { parseResult } from "@tessera/bench";
import { fixturePath, tessera } from "@tessera/testing";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const bench = (...args: string[]) => tessera(["bench", ...args]);

describe("bench", () => {
  test("operators as JSON, stamped with the machine", async () => {
    const args = ["ops", "--small", "--filter", "gemm", "--against", "onnxruntime-web", "--threads", "1", "--json"];
    const { code, stdout, stderr } = await bench(...args);
    expect(code, stderr).toBe(0);
    const result = parseResult(JSON.parse(stdout));
    expect(result).toMatchObject({ kind: "comparison", machine: { node: process.version }, limits: { threads: 1 } });
    expect(result.kind === "comparison" && result.cases[0].engines.map(({ engine }) => engine)).toEqual([
      "tessera",
      "onnxruntime-web",
    ]);
  });

  test("a network of a checkpoint, as text, with a switch off", async () => {
    const args = ["vae", fixturePath("tiny-sd"), "--size", "64", "--against", "none", "--without", "absorb"];
    const { code, stdout, stderr } = await bench(...args);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/vae_decoder, latents 8x8 \(\S+ GMACs\)\n {2}tessera .* GFLOPS/);
  });

  test("a profile, as text and as JSON", async () => {
    const args = ["unet", fixturePath("tiny-sd"), "--size", "64", "--profile", "--repeat", "2"];
    const [text, json] = await Promise.all([bench(...args), bench(...args, "--json")]);
    expect(text.stdout).toMatch(/\nactivations \S+ MiB \(lower bound \S+ MiB\), weights \S+ MiB\n/);
    expect(text.stdout).toMatch(/^ +\S+ +\d+ % +\d+ GFLOPS +\d+ {2}attention\.streamed\[4x8\]/m);
    const result = parseResult(JSON.parse(json.stdout));
    expect(result.kind === "profile" && result.rows.length).toBeGreaterThan(5);
  });

  test("ablation, as text and as JSON", async () => {
    const args = ["ablate", fixturePath("tiny-sd"), "--size", "64", "--backend", "null", "--repeat", "1", "--alone"];
    const [text, json] = await Promise.all([bench(...args), bench(...args, "--json")]);
    expect(text.stdout).toMatch(/^passes\.absorb +false/m);
    const result = parseResult(JSON.parse(json.stdout));
    expect(result.kind === "ablation" && result.rows.map(({ option }) => option)).toContain("memory");
  });

  test("edits counted: the published table of packages/sparse, all of it", async () => {
    const squeezed = (text: string) => text.replaceAll(/-+/g, "-").replaceAll(/ +/g, " ");
    const { code, stdout, stderr } = await bench("edits", "--count");
    expect(code, stderr).toBe(0);
    const table = stdout.slice(stdout.indexOf("| model"));
    expect(table.trim().split("\n").length).toBe(2 + 10);
    const published = readFileSync(new URL("../../../packages/sparse/macs.md", import.meta.url), "utf8");
    expect(squeezed(published)).toContain(squeezed(table));
  });

  test("edits timed, as text and as JSON", async () => {
    const args = ["edits", "gan-compression", "--size", "64", "--shares", "1.2,50", "--threads", "1", "--repeat", "1"];
    const [text, json] = await Promise.all([bench(...args), bench(...args, "--json")]);
    expect(text.stdout).toMatch(/^\| gan-compression +\| 64×64 +\| +50 % \| +0\.97 G → 0\.82 G \(1\.2×\) \| .+ % \|$/m);
    expect(text.stderr).toContain("round 1 of 1");
    const result = parseResult(JSON.parse(json.stdout));
    const time = { samplesMs: [expect.any(Number)] };
    const edits = [{ edit: 1.2 }, { edit: 50, time: {} }];
    expect(result).toMatchObject({ kind: "edits", rows: [{ model: "gan-compression", height: 64, time, edits }] });
  });

  test.each([
    [["everything"], "Allowed choices are ops, unet, vae, ablate, edits"],
    [["edits", "--shares", "1.2,most"], "It must be a number from 0 to 100"],
    [["ops", "--against", "torch"], "There is no torch. Known are onnxruntime-web"],
  ])("%j is bad usage", async (args, message) => {
    const { code, stderr } = await bench(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  test.each([
    [["ops", "--filter", "pooling"], 'No operator\'s name contains "pooling"'],
    [["ops", "--profile"], "--profile is for networks"],
    [["unet", "sd15", "sd2"], "unet takes one model, not 2: sd15, sd2."],
    [["edits", "gaugan"], "There is no network gaugan to edit. There are ddpm-church-256, pd-church-128,"],
    [["edits", "--size", "100"], "--size 100x100: networks halve pictures; take multiples of 64."],
    [["ops", "--without", "absorb,winograd5"], "--without: there is no winograd5 on wasm. There are simplify, absorb,"],
  ])("%j is a user's error", async (args, message) => {
    const { code, stderr } = await bench(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
