import { nullBackend } from "@tessera/kernels/null";
import { wasm } from "@tessera/kernels/wasm";
import type { Backend } from "@tessera/kernels";
import { componentGraph, diffusersNames, parseVaeConfig } from "@tessera/models";
import { backends, fixture, fixtureJson } from "@tessera/testing";
import { expect, test } from "vitest";
import { limitsOf, measureLimits, multiplyAddModule } from "../limits.ts";
import { smallOps } from "../opCases.ts";
import { randomInputs } from "../randomNumbers.ts";
import type { Case } from "../result.ts";
import { opSubject, type Subject } from "../subject.ts";
import { compare } from "./compare.ts";
import { peers, type PeerName } from "./peers.ts";

const limits = { threads: 1, simdGflops: 50, copyGigabytesPerSecond: 40 };

async function cases(subjects: Subject[], backend: Backend, against: PeerName[]): Promise<Case[]> {
  const found: Case[] = [];
  for await (const c of compare(subjects, { backend, threads: 1, against, repeat: 2, limits })) found.push(c);
  await backend.dispose();
  return found;
}

const small = (): Subject[] => smallOps.map(opSubject);

test("every operator on every engine: the same numbers, then times", async () => {
  const found = await cases(small(), await wasm({ threads: 0 }), [
    "onnxruntime-web",
    "onnxruntime-node",
    "tfjs",
    "jax-js",
  ]);
  expect(found.map(({ name }) => name)).toEqual(smallOps.map(({ name }) => name));
  for (const { name, macs, engines } of found) {
    expect(engines.map(({ engine }) => engine)).toEqual([
      "tessera",
      "onnxruntime-web",
      "onnxruntime-node",
      "tfjs",
      "jax-js",
    ]);
    for (const { engine, time, ratio, difference, gflops, note } of engines) {
      if (engine === "onnxruntime-node" && note) {
        expect(note).toBe(`not installed: ${peers[engine].install}`);
        continue;
      }
      expect(note, `${name}, ${engine}`).toBeUndefined();
      expect(time!.samplesMs.length).toBe(2);
      expect(ratio).toBeGreaterThan(0);
      expect(gflops !== undefined).toBe(macs > 0);
      if (engine !== "tessera") expect(difference).toBeLessThan(1e-5);
    }
  }
});

test("an engine that does not agree is not timed", async () => {
  const [{ engines }] = await cases(small().slice(1, 2), nullBackend(), ["onnxruntime-web"]); // zeros, with which no one agrees
  expect(engines[1].note).toMatch(/^wrong: Infinity of the largest number from ours/);
  expect(engines[1].time).toBeUndefined();
});

test("a result of ours that another backend of ours does not share is no result", async () => {
  const [backend, reference] = [nullBackend(), await wasm({ threads: 0 })];
  const compared = compare(small().slice(1, 2), { backend, reference, threads: 1, against: [], repeat: 1, limits });
  await expect(compared.next()).rejects.toThrow("gemm 6x8x12: our null and wasm backends differ by Infinity");
  expect([backend.liveBytes, reference.liveBytes]).toEqual([0, 0]);
  await reference.dispose();
});

const webgpu = (await backends()).find(({ name }) => name === "webgpu");

test.runIf(webgpu)("on WebGPU all engines compute on the same adapter", async () => {
  const backend = await webgpu!.open();
  const chosen = small().filter(({ name }) => /conv|self/.test(name));
  const found = await cases(chosen, backend, ["onnxruntime-web", "tfjs", "jax-js"]);
  for (const { name, engines } of found)
    for (const { engine, detail, note, time, difference } of engines.slice(1)) {
      expect(note, `${name}, ${engine}`).toBeUndefined();
      expect(detail).toContain("WebGPU");
      expect(difference).toBeLessThan(1e-5);
      expect(time!.samplesMs.length).toBe(2);
    }
});

test.runIf(webgpu)("the limits of an adapter are positive", async () => {
  const backend = await webgpu!.open();
  const { adapter, threads, simdGflops, copyGigabytesPerSecond } = await limitsOf(backend, 1, 1);
  expect([typeof adapter, typeof threads]).toEqual(["string", "undefined"]);
  expect(simdGflops).toBeGreaterThan(0);
  expect(copyGigabytesPerSecond).toBeGreaterThan(0);
  await backend.dispose();
});

test("a network goes to engines that run graphs", async () => {
  const config = parseVaeConfig(fixtureJson("tiny-sd/vae/config.json"));
  const graph = componentGraph({ component: "vae_decoder", config }, { height: 4, width: 4 });
  const weights = diffusersNames(fixture("tiny-sd/vae/diffusion_pytorch_model.safetensors"));
  const subject = { name: "vae", graph, weights, inputs: randomInputs(graph), isOp: false };
  const [{ engines }] = await cases([subject], await wasm({ threads: 0 }), ["onnxruntime-web", "tfjs"]);
  expect(engines[1].difference).toBeLessThan(1e-4);
  expect(engines[1].time).toBeDefined();
  expect(engines[2]).toMatchObject({ engine: "tfjs", note: "runs operators only" });
});

test("the probe of the peak computes what it is said to, and limits are positive", async () => {
  const module = await WebAssembly.compile(multiplyAddModule(8));
  const run = (await WebAssembly.instantiate(module)).exports.run as (n: number) => number;
  const chains = Array.from({ length: 8 }, (_, k) => (3 + k) * 0.999 + 0.001); // a chain begins at its local's number
  expect(run(1)).toBeCloseTo(
    chains.reduce((a, b) => a + b),
    3,
  );
  const { simdGflops, copyGigabytesPerSecond } = await measureLimits(1, 1);
  expect(simdGflops).toBeGreaterThan(0);
  expect(copyGigabytesPerSecond).toBeGreaterThan(0);
});
