import { compile, type DeviceTensor, type HostTensor, type Options, type Program } from "@tessera/kernels";
import { sparsify } from "@tessera/sparse";
import { randomInputs, randomWeights } from "../randomNumbers.ts";
import type { Laboratory } from "./experiment.ts";
import { masksOf, type SparseNetwork } from "./sparseNetworks.ts";

type Inputs = Readonly<Record<string, HostTensor | DeviceTensor>>;

/**
 * A network with random numbers whose original has been recorded, ready to compute edits by blocks: the states stay on
 * the device, where the sparse programs read them.
 */
export async function openEdit(network: SparseNetwork, { backend, signal }: Pick<Laboratory, "backend" | "signal">) {
  const graph = network.graph();
  const { full, sparse, states, blocks } = sparsify(graph, network.options);
  const [weights, inputs] = [randomWeights(graph), randomInputs(graph)];
  const recording = await compile(full, backend, { weights, signal });
  const outputs = await recording.run(inputs, { signal });
  const kept = Object.fromEntries(states.map((name) => [name, outputs[name]]));
  const programs: Program[] = [recording];
  const made = async (program: Promise<Program>) => programs[programs.push(await program) - 1];
  return {
    graph,
    sparse,
    inputs,
    /** The network as a whole. */
    dense: () => made(compile(graph, backend, { weights, signal })),
    /** The network by blocks. */
    byBlocks: (options?: Options) => made(compile(sparse, backend, { weights, bound: kept, signal, options })),
    /** The lists of blocks of an edit in one square, and all inputs of a run by them. */
    given(edit: SparseNetwork["edits"][number]): { lists: Record<string, Int32Array>; inputs: Inputs } {
      const lists = blocks(masksOf(network, edit, "square"));
      const names = [...sparse.inputs.keys()];
      return {
        lists,
        inputs: Object.fromEntries(names.map((name) => [name, lists[name] ?? kept[name] ?? inputs[name]])),
      };
    },
    /** Milliseconds of one run. */
    async time(program: Program, given: Inputs): Promise<number> {
      const start = performance.now();
      const [result] = Object.values(await program.run(given, { signal }));
      if (backend.name === "webgpu") await result.read(); // until then it is only under way
      return performance.now() - start;
    },
    /** Frees all programs, those that read states before the one that wrote them. */
    dispose: () => programs.toReversed().forEach((program) => program.dispose()),
  };
}
