import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { timed, type Spent } from "../../timed.ts";
import type { Engine, EngineOptions, Loaded, Task } from "./engine.ts";
import { webgpuOfPeers } from "./webgpuOfPeers.ts";

type Ort = typeof import("onnxruntime-web");
type Session = import("onnxruntime-web").InferenceSession;
type Value = import("onnxruntime-web").Tensor;

/**
 * ONNX Runtime: compiled to WebAssembly (`onnxruntime-web`) or native (`onnxruntime-node`), on the processor or on WebGPU.
 * On WebGPU the inputs and results of `onnxruntime-web` stay on the device; those of `onnxruntime-node`, and of a model in
 * parts, are moved at every run.
 */
export async function onnxruntime(
  name: "onnxruntime-web" | "onnxruntime-node",
  { threads, device }: EngineOptions,
): Promise<Engine> {
  const native = name === "onnxruntime-node";
  const onGpu = device === "webgpu";
  const finished = onGpu && !native ? await webgpuOfPeers() : async () => {};
  const ort = (await import(onGpu && !native ? `${name}/webgpu` : name)) as Ort;
  ort.env.logLevel = "error";
  if (!native) ort.env.wasm.numThreads = threads;
  // Its bundle for browsers fetches its own code, unless it has that and needs no threads, which do nothing on WebGPU.
  if (onGpu && !native) {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/webgpu`));
    ort.env.wasm.wasmBinary = await readFile(join(folder, "ort-wasm-simd-threaded.asyncify.wasm"));
    ort.env.wasm.numThreads = 1;
  }

  async function open({ path, dataPath }: Task["models"][number], isPart = false): Promise<Session> {
    if (native)
      return ort.InferenceSession.create(path, {
        executionProviders: [onGpu ? "webgpu" : "cpu"],
        intraOpNumThreads: threads,
        logSeverityLevel: 3,
      });
    const [model, data] = await Promise.all([readFile(path), readFile(dataPath)]);
    return ort.InferenceSession.create(model, {
      executionProviders: [onGpu ? "webgpu" : "wasm"],
      preferredOutputLocation: onGpu && !isPart ? "gpu-buffer" : "cpu", // the next part may come with another device
      logSeverityLevel: 3,
      externalData: data.length ? [{ path: basename(dataPath), data }] : [],
    });
  }

  /** Runs a model on the values that it names and adds its results to them. */
  async function step(session: Session, values: Map<string, Value>): Promise<Spent> {
    const feeds = Object.fromEntries(session.inputNames.map((input) => [input, values.get(input)!]));
    return timed(async () => {
      for (const [output, value] of Object.entries(await session.run(feeds))) {
        values.get(output)?.dispose();
        values.set(output, value as Value);
      }
      await finished();
    });
  }

  async function load({ models, inputs, outputs }: Task): Promise<Loaded> {
    const only = models.length === 1 ? await open(models[0]) : undefined;
    const device = only && onGpu && !native ? ((await ort.env.webgpu.device) as GPUDevice) : undefined;
    const values = new Map<string, Value>();
    for (const [input, { shape, data }] of Object.entries(inputs)) {
      const [dataType, dims] = [data instanceof Int32Array ? ("int32" as const) : ("float32" as const), [...shape]];
      if (device) {
        const buffer = uploaded(device, data);
        values.set(input, ort.Tensor.fromGpuBuffer(buffer, { dataType, dims, dispose: () => buffer.destroy() }));
      } else values.set(input, new ort.Tensor(dataType, data as Float32Array, dims));
    }
    /** Parts are opened in turn; opening is not timed, and each has run once before it is timed. */
    const run = async (warm: boolean): Promise<Spent> => {
      if (only) return step(only, values);
      let [ms, cpuMs] = [0, 0];
      for (const model of models) {
        const session = await open(model, true);
        if (warm) await step(session, values);
        const spent = await step(session, values);
        ms += spent.ms;
        cpuMs += spent.cpuMs;
        await session.release();
      }
      return { ms, cpuMs };
    };
    await run(false);
    return {
      outputs: await Promise.all(outputs.map(async (output) => (await values.get(output)!.getData()) as Float32Array)),
      run: () => run(true),
      async dispose() {
        for (const value of values.values()) value.dispose();
        await only?.release();
      },
    };
  }

  const { common, web, node } = ort.env.versions;
  const where = onGpu ? "WebGPU" : `${threads} thread${threads > 1 ? "s" : ""}`;
  return { detail: `${(native ? node : web) ?? common}, ${where}`, load };
}

/** Numbers in a buffer of their own. */
function uploaded(device: GPUDevice, data: Float32Array | Int32Array): GPUBuffer {
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const size = Math.ceil(data.byteLength / 16) * 16;
  const buffer = device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
  device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  return buffer;
}
