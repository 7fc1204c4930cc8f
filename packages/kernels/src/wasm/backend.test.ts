import { memorySource } from "@tessera/safetensors";
import { afterEach, describe, expect, test } from "vitest";
import { compile, planFor } from "../compile.ts";
import { OutOfMemoryError } from "../graph/errors.ts";
import { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import * as ops from "../ops/index.ts";
import type { Backend } from "../plan/backend.ts";
import type { Packing } from "../plan/kernel.ts";
import { Fn } from "./asm.ts";
import { emitCall } from "./backend.ts";
import { wasm } from "./index.ts";
import { f32x4, read } from "./simd.ts";

const open: Backend[] = [];
async function backend(...options: Parameters<typeof wasm>): Promise<Backend> {
  open.push(await wasm(...options));
  return open.at(-1)!;
}
afterEach(() => Promise.all(open.splice(0).map((b) => b.dispose())));

function graphOf(build: (g: Graph) => Tensor): Graph {
  const g = new Graph();
  g.output("out", build(g));
  return g;
}
const zeros = (g: Graph) =>
  memorySource(
    Object.fromEntries(
      [...g.params].map(([name, t]) => [
        name,
        { dtype: "F32" as const, shape: t.shape, data: new Uint8Array(4 * t.elements) },
      ]),
    ),
  );
/** `count` products with one 256 × 256 matrix in a row: enough work to be interrupted. */
const long = (count: number) =>
  graphOf((g) => {
    let x: Tensor = g.input("x", [256, 256]);
    for (let i = 0; i < count; i++) x = ops.linear({ x, weight: g.param("weight", [256, 256]) });
    return x;
  });

describe.each([0, 2])("with %i threads", (threads) => {
  test("memory is given back", async () => {
    const b = await backend({ threads });
    const g = long(2);
    const programs = [await compile(g, b, { weights: zeros(g) }), await compile(g, b, { weights: zeros(g) })];
    const each = programs[0].plan.weightBytes + programs[0].plan.memory.bytes;
    expect(b.liveBytes).toBeGreaterThanOrEqual(2 * each);
    const { out } = await programs[0].run({ x: new Float32Array(256 * 256) });
    for (const p of [...programs, ...programs]) p.dispose();
    expect(b.liveBytes).toBe(0);
    await expect(programs[0].run({ x: [] })).rejects.toThrow("disposed");
    await expect(out.read()).rejects.toThrow("disposed");
  });

  test("a run tells how far it is, can be cancelled, and the program runs again", async () => {
    const b = await backend({ threads });
    const g = long(800);
    const program = await compile(g, b, { weights: zeros(g) });
    const x = new Float32Array(256 * 256);
    const controller = new AbortController();
    const reason = new Error("enough");
    const told: number[] = [];
    const onProgress = (done: number, total: number) => {
      told.push(done / total);
      if (done) controller.abort(reason);
    };
    await expect(program.run({ x }, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(told.at(-1)).toBeGreaterThan(0);
    expect(told.at(-1)).toBeLessThan(1);
    await expect(program.run({ x }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const whole: number[] = [];
    const { out } = await program.run({ x }, { onProgress: (done) => whole.push(done) });
    expect((await out.read()).every((y) => y === 0)).toBe(true);
    expect(whole).toEqual(whole.toSorted((a, b) => a - b));
    expect(whole.at(-1)).toBe(800);
  });

  test("an id outside the table is an error that says so", async () => {
    const b = await backend({ threads });
    const g = graphOf((g) =>
      ops.embed({ ids: g.input("ids", [4], "i32"), table: g.param("text.embedding.weight", [10, 8]) }),
    );
    const program = await compile(g, b, { weights: zeros(g) });
    await expect(program.run({ ids: [1, -1, 1, 3] })).rejects.toThrow("outside the table's 10 rows");
    // Only the kernel sees ids that never were on the host.
    const computed = await compile(
      graphOf((g) => ops.scale(g.input("x", [4]), 5)),
      b,
    );
    const { out } = await computed.run({ x: [0, 1, 2, 1] });
    await expect(program.run({ ids: out })).rejects.toThrow(
      "embed at text.embedding: id 10 is outside the table's 10 rows",
    );
    expect((await (await program.run({ ids: [0, 1, 2, 9] })).out.read()).length).toBe(32);
  });

  test("runs queue, and results feed other programs without leaving memory", async () => {
    const b = await backend({ threads });
    const double = await compile(
      graphOf((g) => ops.scale(g.input("x", [1, 3, 4, 5]), 2)),
      b,
    );
    const x = Float32Array.from({ length: 60 }, (_, i) => i);
    let state = (await double.run({ x })).out;
    for (let i = 0; i < 3; i++) state = (await double.run({ x: state })).out;
    expect(await state.read()).toEqual(x.map((v) => 16 * v));
    const [first, second] = [double.run({ x }), double.run({ x: x.map((v) => -v) })];
    await first;
    expect(await (await second).out.read()).toEqual(x.map((v) => -2 * v));
    const rows = await compile(
      graphOf((g) => ops.relu(g.input("x", [3, 20]))),
      b,
    );
    expect(await (await rows.run({ x: (await double.run({ x })).out })).out.read()).toEqual(x.map((v) => 2 * v));
  });

  test("progress reports bytes of weights and kernels", async () => {
    const b = await backend({ threads });
    const g = long(3);
    const seen: string[] = [];
    const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }) =>
      void seen.push(`${phase} ${done}/${total}`);
    await compile(g, b, { weights: zeros(g), onProgress });
    expect(seen).toEqual(["kernels 1/1", "weights 262144/262144"]);
  });
});

test("what does not fit is an error with both numbers", async () => {
  const b = await backend({ threads: 1, memoryPages: 2048 });
  const g = graphOf((g) => ops.relu(g.input("x", [1 << 26])));
  const failed = await compile(g, b).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(OutOfMemoryError);
  expect((failed as OutOfMemoryError).wantedBytes).toBe(2 ** 29);
  expect(b.liveBytes).toBe(0);
});

test("the event loop turns while threads compute", async () => {
  const b = await backend({ threads: 1 });
  const g = long(100);
  const program = await compile(g, b, { weights: zeros(g) });
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await program.run({ x: new Float32Array(256 * 256) });
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});

test("the code of a small matrix product", async () => {
  const b = await backend({ threads: 0 });
  const g = graphOf((g) => ops.linear({ x: g.input("x", [6, 8]), weight: g.param("weight", [16, 8]) }));
  const plan = planFor(g, b);
  const packings = new Map<string, Packing>(plan.weights.map(({ key, packing }) => [key, packing]));
  const text = emitCall(
    plan.calls[0],
    { threads: 1, relaxedSimd: false, unitsApart: false },
    packings,
    "linear",
  ).print();
  const inner = text.slice(text.lastIndexOf("(loop", text.indexOf("f32x4.mul")));
  expect(inner.slice(0, inner.indexOf("\n", inner.indexOf("br_if"))).replace(/^ +/gm, "  ")).toMatchInlineSnapshot(`
    "(loop
      (local.set $a (v128.load32_splat (local.get $row)))
      (local.set $a38 (v128.load32_splat offset=32 (local.get $row)))
      (local.set $col (v128.load (local.get $b)))
      (local.set $acc (f32x4.add (local.get $acc) (f32x4.mul (local.get $a) (local.get $col))))
      (local.set $acc32 (f32x4.add (local.get $acc32) (f32x4.mul (local.get $a38) (local.get $col))))
      (local.set $col40 (v128.load offset=16 (local.get $b)))
      (local.set $acc29 (f32x4.add (local.get $acc29) (f32x4.mul (local.get $a) (local.get $col40))))
      (local.set $acc33 (f32x4.add (local.get $acc33) (f32x4.mul (local.get $a38) (local.get $col40))))
      (local.set $col41 (v128.load offset=32 (local.get $b)))
      (local.set $acc30 (f32x4.add (local.get $acc30) (f32x4.mul (local.get $a) (local.get $col41))))
      (local.set $acc34 (f32x4.add (local.get $acc34) (f32x4.mul (local.get $a38) (local.get $col41))))
      (local.set $col42 (v128.load offset=48 (local.get $b)))
      (local.set $acc31 (f32x4.add (local.get $acc31) (f32x4.mul (local.get $a) (local.get $col42))))
      (local.set $acc35 (f32x4.add (local.get $acc35) (f32x4.mul (local.get $a38) (local.get $col42))))
      (local.set $row (i32.add (local.get $row) (i32.const 4)))
      (local.set $b (i32.add (local.get $b) (i32.const 64)))
      (br_if 0 (i32.ne (local.get $b) (local.get $to))))"
  `);
});

test("an input bound to another program's result is read where it lies, run after run", async () => {
  const b = await backend({ threads: 2 });
  const first = await compile(
    graphOf((g) => ops.scale(g.input("x", [40]), 2)),
    b,
  );
  const numbers = Float32Array.from({ length: 40 }, (_, i) => i);
  const { out } = await first.run({ x: numbers });
  const sum = graphOf((g) => ops.add(g.input("a", [40]), g.input("b", [40])));
  const [copying, reading] = [await compile(sum, b), await compile(sum, b, { bound: { a: out } })];
  expect(reading.plan.memory.bytes).toBeLessThan(copying.plan.memory.bytes);
  const run = async () => [...(await (await reading.run({ a: out, b: numbers })).out.read())];
  expect(await run()).toEqual([...numbers].map((x) => 3 * x));
  await first.run({ x: numbers.map((x) => 10 * x) });
  expect(await run()).toEqual([...numbers].map((x) => 21 * x));
  await expect(reading.run({ a: numbers, b: numbers })).rejects.toThrow(
    "input a is bound to a result of another program",
  );
  await expect(compile(sum, b, { bound: { c: out } })).rejects.toThrow("c [40] cannot be bound");
});

test("a vector constant stands once in the binary code, zero wherever it is used", () => {
  const f = new Fn("f", ["n"]);
  f.range(0, f.params[0], 1, () => {
    for (const x of [1.5, 1.5, 2.5, 0, 0]) f.store(0, f32x4.add(f32x4.const(x), read.v128(0)));
  });
  const code = f.encode();
  const found = code.flatMap((byte, i) => (byte === 0xfd && code[i + 1] === 12 ? [code.slice(i + 4, i + 6)] : []));
  expect(found).toEqual([
    [0xc0, 0x3f], // 1.5
    [0x20, 0x40], // 2.5
    [0, 0],
    [0, 0],
  ]);
});
