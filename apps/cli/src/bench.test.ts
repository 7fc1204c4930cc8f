import { parseResult } from "@tessera/bench";
import { fixturePath, tessera } from "@tessera/testing";
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

  test.each([
    [["everything"], "Allowed choices are ops, unet, vae, ablate"],
    [["ops", "--profile"], "--profile is for bench unet, vae, not ops"],
    [["unet", "--small"], "--small is for bench ops, ablate, not unet"],
    [["ops", fixturePath("tiny-sd")], "takes no model"],
    [["ops", "--against", "torch"], "There is no torch. Known are onnxruntime-web"],
  ])("%j is bad usage", async (args, message) => {
    const { code, stderr } = await bench(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  test.each([
    [["ops", "--filter", "pooling"], 'No operator\'s name contains "pooling"'],
    [["ops", "--without", "absorb,winograd5"], "--without: there is no winograd5 on wasm. There are simplify, absorb,"],
  ])("%j is a user's error", async (args, message) => {
    const { code, stderr } = await bench(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
