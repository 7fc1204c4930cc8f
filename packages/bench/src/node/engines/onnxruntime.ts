import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { timed, type Engine, type EngineOptions, type Loaded, type Spent, type Task } from "./engine.ts";
import { webgpuOfPeers } from "./webgpuOfPeers.ts";

type Ort = typeof import("onnxruntime-web");
type Session = import("onnxruntime-web").InferenceSession;
type Value = import("onnxruntime-web").Tensor;

/**
 * ONNX Runtime: compiled to WebAssembly (`onnxruntime-web`) or native (`onnxruntime-node`), on the processor or on WebGPU.
 * On WebGPU results stay on the device; inputs are uploaded at every run.
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
  // Its bundle for browsers would fetch its own code.
  if (onGpu && !native)
    ort.env.wasm.wasmBinary = await readFile(
      join(dirname(createRequire(import.meta.url).resolve(`${name}/webgpu`)), "ort-wasm-simd-threaded.asyncify.wasm"),
    );
  if (!native) ort.env.wasm.numThreads = threads;

  async function open({ path, dataPath }: Task["models"][number]): Promise<Session> {
    if (native)
      return ort.InferenceSession.create(path, {
        executionProviders: [onGpu ? "webgpu" : "cpu"],
        intraOpNumThreads: threads,
        logSeverityLevel: 3,
      });
    const [model, data] = await Promise.all([readFile(path), readFile(dataPath)]);
    return ort.InferenceSession.create(model, {
      executionProviders: [onGpu ? "webgpu" : "wasm"],
      preferredOutputLocation: onGpu ? "gpu-buffer" : "cpu",
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
    const given = Object.entries(inputs).map(([input, { shape, data }]) => {
      const type = data instanceof Int32Array ? "int32" : "float32";
      return [input, new ort.Tensor(type, data as Float32Array, [...shape])] as const;
    });
    const values = new Map<string, Value>(given);
    const only = models.length === 1 ? await open(models[0]) : undefined;
    /** Parts are opened in turn; opening is not timed, and each has run once before it is timed. */
    const run = async (warm: boolean): Promise<Spent> => {
      if (only) return step(only, values);
      let [ms, cpuMs] = [0, 0];
      for (const model of models) {
        const session = await open(model);
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
      dispose: async () => only?.release(),
    };
  }

  const { common, web, node } = ort.env.versions;
  const where = onGpu ? "WebGPU" : `${threads} thread${threads > 1 ? "s" : ""}`;
  return { detail: `${(native ? node : web) ?? common}, ${where}`, load };
}
