import { compile, type Backend, type CompileOptions, type Graph, type HostTensor } from "@tessera/kernels";

/** A compiled graph that takes any number of items. */
export interface Batched {
  /** Inputs [count …] by name → outputs [count …]; `count` is any number, and the same for all. */
  run(inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, Float32Array>>;
  dispose(): void;
}

/**
 * Compiles a graph whose inputs and outputs all begin with the batch, to run it batch after batch; the last one is
 * filled up with zeros, and what comes of them is dropped.
 */
export async function openBatched(graph: Graph, backend: Backend, options: CompileOptions): Promise<Batched> {
  const program = await compile(graph, backend, options);
  const sizes = new Map([...graph.inputs].map(([name, t]) => [name, t.elements / t.shape[0]]));
  const [batch] = [...graph.inputs.values()][0].shape;
  return {
    async run(inputs) {
      const counts = [...sizes].map(([name, size]) => {
        if (!inputs[name]) throw new RangeError(`The network's input ${name} is missing.`);
        return inputs[name].length / size;
      });
      const count = counts[0];
      if (!counts.every((c) => c === count && Number.isInteger(c)))
        throw new RangeError(
          `Inputs must hold one and the same whole number of items: ${[...sizes].map(([name, size], i) => `${name} holds ${counts[i]} of ${size} numbers`).join(", ")}.`,
        );
      const outputs = Object.fromEntries(
        [...graph.outputs].map(([name, t]) => [name, new Float32Array((count * t.elements) / t.shape[0])]),
      );
      for (let first = 0; first < count; first += batch) {
        const part = [...sizes].map(
          ([name, size]) => [name, filled(inputs[name], first * size, batch * size)] as const,
        );
        const results = await program.run(Object.fromEntries(part));
        for (const [name, all] of Object.entries(outputs)) {
          const size = all.length / count;
          all.set((await results[name].read()).subarray(0, Math.min(batch, count - first) * size), first * size);
        }
      }
      return outputs;
    },
    dispose: () => program.dispose(),
  };
}

function filled(numbers: HostTensor, begin: number, length: number): HostTensor {
  const part = numbers.slice(begin, begin + length);
  if (part.length === length) return part;
  const all = part instanceof Int32Array ? new Int32Array(length) : new Float32Array(length);
  all.set(part);
  return all;
}
