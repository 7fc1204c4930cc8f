import { Graph } from "@tessera/kernels";
import { linear } from "@tessera/kernels/ops";
import { wasm } from "@tessera/kernels/wasm";
import { expect, onTestFinished, test } from "vitest";
import { smallOps, type OpCase } from "./opCases.ts";
import { parseResult, type Case } from "./result.ts";
import { timeOps, type TimeOpsOptions } from "./timeOps.ts";

const limits = { threads: 1, simdGflops: 50, copyGigabytesPerSecond: 40 };

/** Of a matrix product of this size, whose weights nobody has made yet. */
const product = (side: number): OpCase => ({
  name: `product ${side}`,
  times: 1,
  build() {
    const graph = new Graph();
    graph.output("y", linear({ x: graph.input("x", [side, side]), weight: graph.param("weight", [side, side]) }));
    return graph;
  },
});

async function table(ops: readonly OpCase[], options: Partial<TimeOpsOptions> & { memoryPages?: number } = {}) {
  const backend = await wasm({ threads: 0, memoryPages: options.memoryPages });
  onTestFinished(() => backend.dispose());
  const cases: Case[] = [];
  for await (const row of timeOps(ops, { backend, limits, repeat: 2, limitMs: 60_000, ...options })) cases.push(row);
  expect(backend.liveBytes).toBe(0);
  return cases;
}

test("operators are timed, the small ones first, in the form of a result file", async () => {
  const cases = await table(smallOps);
  expect(cases.map(({ name }) => name).toSorted()).toEqual(smallOps.map(({ name }) => name).toSorted());
  const work = cases.map(({ times, macs }) => times * macs);
  expect(work).toEqual(work.toSorted((a, b) => a - b));
  for (const { engines } of cases) expect(engines[0].time!.samplesMs).toHaveLength(2);
  const machine = { date: new Date().toISOString(), cpu: "unknown", cores: 1, platform: "any", backend: "wasm" };
  expect(parseResult({ kind: "comparison", machine, limits, cases })).toBeDefined();
});

test("what would take longer than the limit, even at the best speed so far, is not begun", async () => {
  const [small, huge] = await table([product(1_000_000), product(1024)], { repeat: 1 });
  expect(small).toMatchObject({ name: "product 1024", engines: [{ time: expect.any(Object) }] });
  expect(huge.engines[0].note).toMatch(/^left out: it would take \d+ s or more, of 60 s$/);
  expect(huge.engines[0].time).toBeUndefined();
});

test("what takes longer is stopped", async () => {
  const [slow] = await table([product(512)], { limitMs: 1 });
  expect(slow.engines[0].note).toBe("took more than 0.001 s");
});

test("what does not fit in memory has a note", async () => {
  const [large] = await table([product(2048)], { memoryPages: 64 });
  expect(large.engines[0].note).toMatch(/32 MiB for activations do not fit: 0 MiB of at most 4 MiB/);
});

test("it can be cancelled", async () => {
  await expect(table(smallOps, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});
