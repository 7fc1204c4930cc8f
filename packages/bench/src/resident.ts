import {
  compile,
  Graph,
  type Backend,
  type CompileOptions,
  type DeviceTensor,
  type HostTensor,
  type RunOptions,
} from "@tessera/kernels";
import { scale } from "@tessera/kernels/ops";

/** A program of ours whose inputs are on the device already, as the inputs of other engines are theirs already. */
export interface Resident {
  readonly outputs: Readonly<Record<string, Float32Array>>;
  readonly plan: Awaited<ReturnType<typeof compile>>["plan"];
  /** Computes once and returns the milliseconds. Results stay on the device. */
  run(onTimes?: RunOptions["onTimes"]): Promise<number>;
  dispose(): void;
}

/** Compiles a graph, puts its inputs on the device, where its runs read them, and runs it once. */
export async function resident(
  graph: Graph,
  backend: Backend,
  inputs: Readonly<Record<string, HostTensor>>,
  options: CompileOptions,
): Promise<Resident> {
  // A program that hands its inputs on leaves them on the device. Integers stay with the caller.
  const feeder = new Graph();
  for (const [name, t] of graph.inputs)
    if (t.dtype === "f32") feeder.output(name, scale(feeder.input(name, t.shape), 1));
  const floats = Object.fromEntries(Object.entries(inputs).filter(([name]) => feeder.inputs.has(name)));
  const fed = feeder.inputs.size ? await compile(feeder, backend) : undefined;
  try {
    // What the host computes from an input is computed from host numbers.
    const read = new Set(
      graph.nodes.filter((t) => t.op.name === "timestepEmbedding").map((t) => t.inputs.timestep.path),
    );
    const onDevice = Object.entries(fed ? await fed.run(floats) : {}).filter(([name]) => !read.has(name));
    const bound = Object.fromEntries(onDevice);
    const program = await compile(graph, backend, { ...options, bound });
    const given: Record<string, HostTensor | DeviceTensor> = { ...inputs, ...bound };
    const outputs: Record<string, Float32Array> = {};
    for (const [name, t] of Object.entries(await program.run(given, { signal: options.signal })))
      outputs[name] = await t.read();
    return {
      outputs,
      plan: program.plan,
      async run(onTimes) {
        const start = performance.now();
        await program.run(given, { signal: options.signal, onTimes }); // resolves when the device has finished
        return performance.now() - start;
      },
      dispose() {
        program.dispose();
        fed?.dispose();
      },
    };
  } catch (error) {
    fed?.dispose();
    throw error;
  }
}
