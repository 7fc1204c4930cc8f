import { memorySource } from "@tessera/safetensors";
import { backends, expectClose, maxAbs, renewable } from "@tessera/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { compile } from "../compile.ts";
import { DeviceError, DeviceLostError, KernelError, OutOfMemoryError } from "../graph/errors.ts";
import { Graph } from "../graph/graph.ts";
import * as ops from "../ops/index.ts";
import { without } from "../options.ts";
import type { Backend } from "../plan/backend.ts";
import { reference } from "../reference/index.ts";
import { DeviceContext } from "./deviceContext.ts";
import { ladders, requestDevice, webgpu } from "./index.ts";

const isHere = (await backends()).some(({ name }) => name === "webgpu");

/** y = x + 1, `depth` times, too many for one submit if `depth` is large: each sum is an output, so none is absorbed. */
function chain(depth: number, elements = 8): Graph {
  const graph = new Graph();
  let t = graph.input("x", [elements]);
  for (let i = 0; i < depth; i++) graph.output(`y${i}`, (t = ops.scale(t, 1, 1)));
  return graph;
}

/** What a promise rejects with. */
const failure = async <E>(promise: Promise<unknown>): Promise<E> =>
  promise.then(
    () => expect.fail("resolved, expected an error"),
    (error) => error,
  );

describe.skipIf(!isHere)("the webgpu backend", () => {
  async function open(device?: GPUDevice): Promise<Backend> {
    const backend = await webgpu(device);
    onTestFinished(() => backend.dispose());
    return backend;
  }

  test("says what it runs on", async () => {
    const { description, maxBindings, caps } = await open();
    expect(description).toMatch(/^WebGPU on \S/);
    expect(maxBindings).toBeGreaterThanOrEqual(8);
    expect(caps.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27);
  });

  test("asks for nothing beyond the default limits where told so", async () => {
    const backend = await webgpu({ defaultLimits: true });
    expect(backend.caps).toMatchObject({
      maxStorageBufferBindingSize: 2 ** 27,
      maxComputeWorkgroupStorageSize: 16384,
      f16: false,
    });
    expect(backend.maxBindings).toBeLessThanOrEqual(10);
    await backend.dispose();
  });

  test("counts the bytes it holds, and gives all back", async () => {
    const backend = await open();
    const graph = new Graph();
    graph.output("y", ops.linear({ x: graph.input("x", [2, 4]), weight: graph.param("weight", [3, 4]) }));
    const data = new Uint8Array(new Float32Array(12).fill(1).buffer);
    const weights = memorySource({ weight: { dtype: "F32", shape: [3, 4], data } });
    const progress: string[] = [];
    const program = await compile(graph, backend, {
      weights,
      onProgress: ({ phase, done, total }) => progress.push(`${phase} ${done}/${total}`),
    });
    const { weightBytes, memory } = program.plan;
    expect(progress).toEqual(["kernels 1/1", `weights ${weightBytes}/${weightBytes}`]);
    const resultBytes = 4 * 6;
    expect(backend.liveBytes).toBe(weightBytes + memory.bytes + resultBytes);
    const { y } = await program.run({ x: new Float32Array(8).fill(2) });
    expect([...(await y.read())]).toEqual([8, 8, 8, 8, 8, 8]);
    expect(backend.liveBytes).toBe(weightBytes + memory.bytes + resultBytes);
    program.dispose();
    program.dispose();
    expect(backend.liveBytes).toBe(0);
    await expect(program.run({ x: new Float32Array(8) })).rejects.toThrow("this program has been disposed");
    await expect(y.read()).rejects.toThrow(DeviceError);
  });

  test("hands results on without leaving the device, and says when they are gone", async () => {
    const backend = await open();
    const program = await compile(chain(3), backend);
    const first = await program.run({ x: new Float32Array(8) });
    const second = await program.run({ x: first.y2 });
    expect((await second.y2.read())[0]).toBe(6);
    await expect(first.y2.read()).rejects.toThrow("its program ran again");
    await expect(program.run({ x: first.y2 })).rejects.toThrow("its program ran again");
    expect((await second.y2.read())[0]).toBe(6);
  });

  test("takes numbers in memory that threads share", async () => {
    const program = await compile(chain(1, 2), await open());
    const x = new Float32Array(new SharedArrayBuffer(8));
    x[0] = 41;
    expect([...(await (await program.run({ x })).y0.read())]).toEqual([42, 1]);
  });

  test("an output may be an input under another shape", async () => {
    const graph = new Graph();
    graph.output("y", ops.tokens({ x: graph.input("x", [1, 2, 1, 3]) }));
    const { y } = await (await compile(graph, await open())).run({ x: [1, 2, 3, 4, 5, 6] });
    expect([...(await y.read())]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  test("an id outside an embedding's table is an error", async () => {
    const graph = new Graph();
    graph.output("y", ops.embed({ ids: graph.input("ids", [2], "i32"), table: graph.param("t", [4, 1]) }));
    const weights = memorySource({ t: { dtype: "F32", shape: [4, 1], data: new Uint8Array(16) } });
    const program = await compile(graph, await open(), { weights });
    await expect(program.run({ ids: [3, 4] })).rejects.toThrow("input ids has id 4 at 1, outside the table's 4 rows");
  });

  test("runs that overlap wait for each other", async () => {
    const program = await compile(chain(2), await open());
    const results = await Promise.all(
      [1, 2, 3].map(async (v) => (await program.run({ x: new Float32Array(8).fill(v) })).y1.read()),
    );
    expect(results.map(([v]) => v)).toEqual([3, 4, 5]);
  });

  test("an aborted run leaves the program usable", async () => {
    const program = await compile(chain(200), await open());
    const abort = new AbortController();
    const run = program.run({ x: new Float32Array(8) }, { signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(run).rejects.toThrow("enough");
    expect((await (await program.run({ x: new Float32Array(8) })).y199.read())[0]).toBe(200);
    await expect(compile(chain(1), await open(), { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });

  test("a device that is lost rejects the run and all later ones", async () => {
    const device = await requestDevice();
    const backend = await open(device);
    const program = await compile(chain(200), backend);
    const run = program.run({ x: new Float32Array(8) });
    device.destroy();
    await expect(run).rejects.toThrow(DeviceError);
    await expect(program.run({ x: new Float32Array(8) })).rejects.toThrow("the device was lost");
    await expect(compile(chain(1), backend)).rejects.toThrow("the device was lost");
    program.dispose();
    expect(backend.liveBytes).toBe(0);
  });

  describe("a device that it asked for is replaced when it is lost", () => {
    const weight = {
      dtype: "F32",
      shape: [4, 4],
      data: new Uint8Array(new Float32Array(16).fill(0.25).buffer),
    } as const;

    test("in the middle of a run, which is repeated with the weights it had", async () => {
      const { devices, backend } = await renewable();
      const graph = chain(200, 4);
      graph.output("z", ops.linear({ x: graph.outputs.get("y199")!, weight: graph.param("weight", [4, 4]) }));
      const program = await compile(graph, backend, { weights: memorySource({ weight }) });
      const other = await compile(chain(1), backend);
      let calls = 0;
      const onProgress = (done: number, total: number) => {
        if (!calls++) devices[0].destroy();
        expect(done).toBeLessThanOrEqual(total);
      };
      const { z, y0 } = await program.run({ x: [1, 2, 3, 4] }, { onProgress });
      expect([...(await z.read())]).toEqual([202.5, 202.5, 202.5, 202.5]);
      expect([...(await y0.read())]).toEqual([2, 3, 4, 5]);
      expect(devices.length).toBe(2);
      expect((await (await other.run({ x: new Float32Array(8) })).y0.read())[0]).toBe(1);
      expect(devices.length).toBe(2);
      program.dispose();
      other.dispose();
      expect(backend.liveBytes).toBe(0);
    });

    test("between two runs: small results outlive it, of large ones an error tells", async () => {
      const { devices, backend } = await renewable();
      const program = await compile(chain(2), backend);
      const large = await compile(chain(1, 2 ** 20 + 1), backend);
      const { y1 } = await program.run({ x: new Float32Array(8) });
      const { y0 } = await large.run({ x: new Float32Array(2 ** 20 + 1) });
      expect((await y0.read())[0]).toBe(1);
      devices[0].destroy();
      await devices[0].lost;
      expect((await y1.read())[7]).toBe(2);
      const again = await program.run({ x: y1 });
      expect((await again.y1.read())[7]).toBe(4);
      await expect(y0.read()).rejects.toThrow(DeviceLostError);
      await expect(large.run({ x: y0 })).rejects.toThrow("a result [1048577] too large for a copy to be kept");
      const bound = compile(chain(2), backend, { bound: { x: again.y1 } });
      const reader = await bound;
      expect((await (await reader.run({ x: again.y1 })).y1.read())[0]).toBe(6);
      devices[1].destroy();
      await devices[1].lost;
      await expect(reader.run({ x: again.y1 })).rejects.toThrow("inputs are bound to");
      await expect(compile(chain(2), backend, { bound: { x: again.y1 } })).rejects.toThrow(DeviceLostError);
    });

    test("while it compiles, and in runs that overlap", async () => {
      const { devices, backend } = await renewable();
      const compiling = compile(chain(3), backend);
      devices[0].destroy();
      const program = await compiling;
      const runs = [1, 2, 3].map(async (v) => (await program.run({ x: new Float32Array(8).fill(v) })).y2.read());
      devices[1].destroy();
      expect((await Promise.all(runs)).map(([v]) => v)).toEqual([4, 5, 6]);
      expect(devices.length).toBe(3);
    });

    test("once: if the next one is lost as well, an error says what to try, and a later run tries again", async () => {
      const { devices, backend } = await renewable();
      const program = await compile(chain(200), backend);
      const onProgress = () => devices.at(-1)!.destroy();
      const error = await failure(program.run({ x: new Float32Array(8) }, { onProgress }));
      expect(error).toBeInstanceOf(DeviceLostError);
      expect((error as Error).message).toMatch(/lost, and then the one in its place: .* Try smaller pictures/);
      expect(devices.length).toBe(2);
      expect((await (await program.run({ x: new Float32Array(8) })).y199.read())[0]).toBe(200);
    });
  });

  test.each(["as chosen", "conv2d.direct"])(
    "launches beyond the work of a submit are cut, also where fewer blocks are given than there is room for: %s",
    async (kernel) => {
      const graph = new Graph();
      const x = graph.input("x", [1, 8, 24, 24]);
      const at = graph.input("at", [16, 2], "i32");
      const tiles = ops.conv2d({
        x: ops.gather({ x, at }, { size: 8, shift: [-1, -1] }),
        weight: graph.param("weight", [12, 8, 3, 3]),
      });
      const [base, map] = [graph.input("base", [1, 12, 24, 24]), graph.input("map", [4, 4], "i32")];
      graph.output("blocks", ops.scatter({ tiles, base, map }));
      const rows = ops.slice({ x: ops.tokens({ x }) }, { axis: 1, begin: 64, end: 192 });
      graph.output("attended", ops.attention({ q: rows, k: rows, v: rows }, { heads: 2 }));
      const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * i + count));
      const data = new Uint8Array(numbers(12 * 8 * 9).buffer);
      const weights = memorySource({ weight: { dtype: "F32", shape: [12, 8, 3, 3], data } });
      const others = kernel === "as chosen" ? [] : ladders.conv2d.map(({ name }) => name).filter((n) => n !== kernel);
      const backend = await webgpu({ limits: { macsPerSubmit: 1.5e5 } });
      onTestFinished(() => backend.dispose());
      const [program, expected] = await Promise.all([
        compile(graph, backend, { weights, options: without(...others) }),
        compile(graph, reference(), { weights }),
      ]);
      for (const count of [0, 1, 7, 16]) {
        const given = {
          x: numbers(x.elements),
          base: numbers(base.elements),
          at: Int32Array.from({ length: 2 * count }, (_, i) => 6 * (i % 2 ? (i >> 1) % 4 : i >> 3)),
          map: Int32Array.from({ length: 16 }, (_, cell) => (cell < count ? cell : -1)),
        };
        const done: number[] = [];
        const [actual, wanted] = [
          await program.run(given, { onProgress: (calls) => done.push(calls) }),
          await expected.run(given),
        ];
        for (const name of ["blocks", "attended"]) {
          const reference = await wanted[name].read();
          expectClose(await actual[name].read(), reference, 1e-4 * maxAbs(reference), `${name}, ${count} of 16`);
        }
        expect(done.length).toBeGreaterThan(4);
        expect(done).toEqual(done.toSorted((a, b) => a - b));
        expect(done.at(-1)).toBe(program.plan.calls.length);
      }
    },
  );

  test("a second run makes nothing but command encoders", async () => {
    const device = await requestDevice();
    const program = await compile(chain(100), await open(device));
    await (await program.run({ x: new Float32Array(8) })).y99.read();
    const made: string[] = [];
    const methods = device as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(device)).filter((n) =>
      n.startsWith("create"),
    )) {
      const own = methods[name].bind(device);
      methods[name] = (...args) => {
        made.push(name);
        return own(...args);
      };
    }
    const { y99 } = await program.run({ x: new Float32Array(8).fill(1) });
    expect((await y99.read())[0]).toBe(101);
    expect(new Set(made)).toEqual(new Set(["createCommandEncoder"]));
    expect(made.length).toBeLessThan(6);
    device.createBuffer({ size: 4, usage: 8 }).destroy();
    expect(made.at(-1)).toBe("createBuffer");
    device.destroy();
  });

  test("memory that the device cannot give is an error with both numbers, and nothing stays behind", async () => {
    const device = await requestDevice();
    const pop = device.popErrorScope.bind(device);
    let isFull = false;
    device.popErrorScope = async () => (await pop()) ?? (isFull ? ({ message: "no memory" } as GPUError) : null);
    const backend = await open(device);
    const held = await compile(chain(1), backend);
    const before = backend.liveBytes;
    isFull = true;
    const error = await failure<OutOfMemoryError>(compile(chain(2), backend));
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error).toMatchObject({ liveBytes: before });
    expect(error.wantedBytes).toBeGreaterThan(0);
    expect(backend.liveBytes).toBe(before);
    isFull = false;
    expect((await (await held.run({ x: new Float32Array(8) })).y0.read())[0]).toBe(1);
    device.destroy();
  });

  test("refuses what no binding can hold, before it makes anything", async () => {
    const backend = await webgpu({ defaultLimits: true });
    await expect(compile(chain(1, 2 ** 25 + 1), backend)).rejects.toThrow(
      "pointwise.direct at x: the result [33554433] is 134217732 bytes, but a binding holds at most 134217728 on this device",
    );
    expect(backend.liveBytes).toBe(0);
    await backend.dispose();
  });

  test("a shader that does not compile names the kernel, the line and its neighbours", async () => {
    const context = new DeviceContext(await requestDevice(), {});
    const code = "@compute @workgroup_size(1)\nfn main() {\n  let a = nonsense;\n}\n";
    const error = await failure<KernelError>(context.pipeline("test.broken", code, 0));
    expect(error).toBeInstanceOf(KernelError);
    expect(error.message).toMatch(/^test\.broken: WGSL line 3, column 11: unresolved value 'nonsense'/);
    expect(error.message).toContain("     2 | fn main() {\n>    3 |   let a = nonsense;\n     4 | }");
    context.throwIfBroken();
    context.destroy();
  });

  test("an invalid launch rejects the run and names the kernels, and the next run is well", async () => {
    const device = await requestDevice();
    const program = await compile(chain(3), await open(device));
    const make = device.createCommandEncoder.bind(device);
    device.createCommandEncoder = (descriptor) => {
      const encoder = make(descriptor);
      const begin = encoder.beginComputePass.bind(encoder);
      encoder.beginComputePass = (description) => {
        const pass = begin(description);
        const dispatch = pass.dispatchWorkgroups.bind(pass);
        pass.dispatchWorkgroups = () => dispatch(device.limits.maxComputeWorkgroupsPerDimension + 1);
        return pass;
      };
      return encoder;
    };
    const error = await failure<DeviceError>(program.run({ x: new Float32Array(8) }));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toMatch(/^webgpu: run, pointwise\.direct at x to pointwise\.direct at x: .*65536/s);
    device.createCommandEncoder = make;
    expect((await (await program.run({ x: new Float32Array(8) })).y2.read())[0]).toBe(3);
    device.destroy();
  });

  test("a kernel that asks for a binding which it is not given is refused by name, and a missing buffer rejects", async () => {
    const device = await requestDevice();
    const context = new DeviceContext(device, {});
    const code = (binding: number) =>
      `@group(0) @binding(${binding}) var<storage, read_write> y: f32;\n@compute @workgroup_size(1) fn main() { y = 1; }`;
    const error = await failure<KernelError>(context.pipeline("test.unbound", code(3), 0));
    expect(error).toBeInstanceOf(KernelError);
    expect(error.message).toMatch(/^test\.unbound: the device refused the kernel: .*binding/i);
    const pipeline = await context.pipeline("test.bound", code(0), 0);
    const unbound = context.checked("a dispatch", () => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.dispatchWorkgroups(1);
      pass.end();
      device.queue.submit([encoder.finish()]);
    });
    await expect(unbound).rejects.toThrow(/^webgpu: a dispatch: /);
    context.throwIfBroken();
    context.destroy();
  });

  test("an error that nobody waited for rejects the next run", async () => {
    const device = await requestDevice();
    const program = await compile(chain(1), await open(device));
    const reported = new Promise((resolve) => device.addEventListener("uncapturederror", resolve, { once: true }));
    device.createBuffer({ size: 4, usage: 3 }).destroy(); // mapRead and mapWrite together are not allowed
    await Promise.all([reported, device.queue.onSubmittedWorkDone()]);
    await expect(program.run({ x: new Float32Array(8) })).rejects.toThrow(DeviceError);
    expect((await (await program.run({ x: new Float32Array(8) })).y0.read())[0]).toBe(1);
    device.destroy();
  });
});
