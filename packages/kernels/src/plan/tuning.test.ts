import { memorySource } from "@tessera/safetensors";
import { expectClose, maxAbs } from "@tessera/testing";
import { expect, test } from "vitest";
import { compile, planFor } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import * as ops from "../ops/index.ts";
import { without } from "../options.ts";
import { reference } from "../reference/index.ts";
import { wasm } from "../wasm/index.ts";
import type { CompileProgress } from "./program.ts";
import { fastest, race } from "./tune.ts";
import { storageEntry, Tuning, tuned, tuningKey, type TuningStore } from "./tuning.ts";

/** Runners that take the milliseconds given, on a clock of their own. */
function fake(times: Record<string, number | ((run: number) => number)>) {
  let now = 0;
  const runs: Record<string, number> = {};
  const runners = Object.entries(times).map(([name, time]) => {
    const run = async () => {
      const ms = typeof time === "number" ? time : time((runs[name] ?? 0) + 1);
      runs[name] = (runs[name] ?? 0) + 1;
      now += ms;
      return ms;
    };
    return [name, run] as const;
  });
  return { runners: new Map(runners), now: () => now, runs };
}

test("a race warms up, drops whoever is hopeless, and ends when time is over", async () => {
  const { runners, now, runs } = fake({ a: (run) => (run === 1 ? 500 : 30), b: 20, c: 41 });
  expect(await race(runners, now)).toEqual({ a: 30, b: 20, c: 41 });
  expect(runs).toEqual({ a: 5, b: 5, c: 2 }); // 50 ms a round, until 200 ms are over
});

test("a race of short runs has a limit, one of long runs a least number", async () => {
  const short = fake({ a: 0.1, b: 0.15 });
  await race(short.runners, short.now);
  expect(short.runs).toEqual({ a: 21, b: 21 });
  const long = fake({ a: 1000, b: 1100 });
  await race(long.runners, long.now);
  expect(long.runs).toEqual({ a: 4, b: 4 });
});

test("the rule's choice stays unless another is clearly faster", () => {
  expect(fastest({ rule: 10, other: 9.6 }, "rule")).toBe("rule");
  expect(fastest({ rule: 10, other: 9.4, third: 9.5 }, "rule")).toBe("other");
  expect(fastest({ other: 12, third: 11 }, "rule")).toBe("third"); // the rule's did not fit
});

/** A store that is a string. */
function store(text?: string): TuningStore & { text: string | undefined } {
  return {
    name: "the store",
    text,
    async read() {
      return this.text;
    },
    async write(text) {
      this.text = text;
    },
  };
}
const device = { description: "a device" };

test("what is set is there again, beside what others kept", async () => {
  const kept = store();
  const [ours, theirs] = [await Tuning.open(device, kept), await Tuning.open({ description: "another" }, kept)];
  ours.set("conv", { kernel: "conv2d.a", ms: { "conv2d.a": 1.5, "conv2d.b": 2 } });
  theirs.set("conv", { kernel: "conv2d.b", ms: { "conv2d.b": 2 } });
  await ours.save();
  await theirs.save();
  expect((await Tuning.open(device, kept)).get("conv")).toEqual({
    kernel: "conv2d.a",
    ms: { "conv2d.a": 1.5, "conv2d.b": 2 },
  });
  expect((await Tuning.open({ description: "another" }, kept)).get("conv")?.kernel).toBe("conv2d.b");
  expect((await Tuning.open({ description: "a third" }, kept)).get("conv")).toBeUndefined();
});

test.each([
  ["{ half", "Expected property name"],
  ['{"devices": {}}', 'its format is undefined, not "tessera tuning 1"'],
  ["[1, 2]", "its format is undefined"],
  ["null", "its format is undefined"],
  ['{"format": "tessera tuning 1"}', "devices is no object"],
  ['{"format": "tessera tuning 1", "devices": {"a device": {"conv": {"kernel": 3, "ms": {}}}}}', "conv is no kernel"],
  ['{"format": "tessera tuning 1", "devices": {"a device": {"conv": {"kernel": "a"}}}}', "conv is no object"],
])("%s is named, not used and left as it is", async (text, reason) => {
  const broken = store(text);
  const warnings: string[] = [];
  const tuning = await Tuning.open(device, broken, { onWarning: (message) => warnings.push(message) });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("the store is not used for tuning, and left as it is: ");
  expect(warnings[0]).toContain(reason);
  tuning.set("conv", { kernel: "conv2d.a", ms: {} });
  await tuning.save();
  expect(tuning.get("conv")?.kernel).toBe("conv2d.a");
  expect(broken.text).toBe(text);
});

test("a store that cannot be written is no error", async () => {
  const warnings: string[] = [];
  const full: TuningStore = {
    name: "the disk",
    read: async () => undefined,
    write: () => Promise.reject(new Error("no space.")),
  };
  const tuning = await Tuning.open(device, full, { onWarning: (message) => warnings.push(message) });
  tuning.set("conv", { kernel: "conv2d.a", ms: {} });
  await tuning.save();
  expect(warnings).toEqual(["What was measured is not kept in the disk: no space."]);
});

test("the browser's storage", async () => {
  const entries = new Map<string, string>();
  const storage = {
    getItem: (key: string) => entries.get(key) ?? null,
    setItem: (key: string, value: string) => void entries.set(key, value),
  };
  const tuning = await Tuning.open(device, storageEntry(storage));
  tuning.set("conv", { kernel: "conv2d.a", ms: {} });
  await tuning.save();
  expect((await Tuning.open(device, storageEntry(storage))).get("conv")?.kernel).toBe("conv2d.a");
});

/** Two convolutions of one shape, one of another, and an addition between. */
function network() {
  const graph = new Graph();
  const x = graph.input("x", [1, 8, 10, 10]);
  const conv = (name: string, t: typeof x, out: number) =>
    ops.conv2d({ x: t, weight: graph.param(name, [out, t.shape[1], 3, 3]) }, { pad: [1, 1, 1, 1] });
  graph.output("y", conv("c", ops.silu(ops.add(conv("b", conv("a", x, 8), 8), x)), 12));
  const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i + count));
  const weights = memorySource(
    Object.fromEntries(
      [...graph.params].map(([name, { shape, elements }]) => [
        name,
        { dtype: "F32", shape, data: new Uint8Array(numbers(elements).buffer) },
      ]),
    ),
  );
  return { graph, weights, inputs: { x: numbers(x.elements) } };
}

test("compiling measures what is missing, keeps it, and takes it", async () => {
  const backend = await wasm({ threads: 1 });
  const { graph, weights, inputs } = network();
  const kept = store();
  const progress: CompileProgress[] = [];
  const tuning = await Tuning.open(backend, kept, { measure: true });
  const program = await compile(graph, backend, { weights, tuning, onProgress: (p) => progress.push(p) });
  expect(progress.filter(({ phase }) => phase === "tuning").map(({ done, total }) => `${done}/${total}`)).toEqual([
    "0/2",
    "1/2",
    "2/2",
  ]);
  const expected = await (await (await compile(graph, reference(), { weights })).run(inputs)).y.read();
  expectClose(await (await program.run(inputs)).y.read(), expected, 1e-5 * maxAbs(expected));
  program.dispose();

  // Whatever won: the plan took it, and a later session finds it.
  const later = await Tuning.open(backend, kept, { measure: true });
  for (const { node, kernel } of program.plan.calls) {
    if (node.op.name !== "conv2d") continue;
    const { kernel: winner, ms } = later.get(tuningKey(node, program.plan.context))!;
    expect(kernel.name).toBe(winner);
    expect(Object.keys(ms).sort()).toEqual(["conv2d.gemm[2x16]", "conv2d.winograd2", "conv2d.winograd4"]);
  }
  progress.length = 0;
  (await compile(graph, tuned(backend, later), { weights, onProgress: (p) => progress.push(p) })).dispose();
  expect(progress.filter(({ phase }) => phase === "tuning")).toEqual([]);
  expect(backend.liveBytes).toBe(0);
  await backend.dispose();
});

test("a plan takes the measured kernel, unless it is switched off or gone", async () => {
  const backend = await wasm({ threads: 1 });
  const { graph } = network();
  const names = (tuning: Tuning, options = without()) =>
    planFor(graph, tuned(backend, tuning), options)
      .calls.filter(({ node }) => node.op.name === "conv2d")
      .map(({ kernel }) => kernel.name);
  const tuning = await Tuning.open(backend);
  const rule = names(tuning);
  const { calls, context } = planFor(graph, backend);
  const [first] = calls.filter(({ node }) => node.op.name === "conv2d");
  const key = tuningKey(first.node, context);
  tuning.set(key, { kernel: "conv2d.gemm[2x16]", ms: { [rule[0]]: 3, "conv2d.gemm[2x16]": 2 } });
  expect(names(tuning)).toEqual(["conv2d.gemm[2x16]", "conv2d.gemm[2x16]", rule[2]]);
  expect(planFor(graph, tuned(backend, tuning)).calls[0].refusals.at(-1)).toBe(
    `${rule[0]} passed over: it took 3.00 ms, conv2d.gemm[2x16] 2.00 ms`,
  );
  expect(names(tuning, without("conv2d.gemm[2x16]"))).toEqual(rule);
  tuning.set(key, { kernel: "conv2d.bygone", ms: {} });
  expect(names(tuning)).toEqual(rule);
  await backend.dispose();
});

test("stopped half way, what was measured is kept", async () => {
  const backend = await wasm({ threads: 1 });
  const { graph, weights } = network();
  const kept = store();
  const controller = new AbortController();
  const stopped = compile(graph, backend, {
    weights,
    tuning: await Tuning.open(backend, kept, { measure: true }),
    signal: controller.signal,
    onProgress: ({ phase, done }) => phase === "tuning" && done === 1 && controller.abort(new Error("enough")),
  });
  await expect(stopped).rejects.toThrow("enough");
  expect(Object.keys(Object.values(JSON.parse(kept.text!).devices)[0] as object)).toHaveLength(1);
  expect(backend.liveBytes).toBe(0);
  await backend.dispose();
});
