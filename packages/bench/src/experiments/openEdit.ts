import { compile, countMacs, Graph, type DeviceTensor, type HostTensor, type Options } from "@tessera/kernels";
import { sparseMacs, sparsify, type MaskPyramid } from "@tessera/sparse";
import { randomInputs, randomWeights } from "../randomNumbers.ts";
import type { EditNetwork } from "./editNetworks.ts";
import type { Laboratory } from "./experiment.ts";

/**
 * A network with random numbers whose original has been recorded, ready to compute edits by blocks: inputs and states stay
 * on the device, where the programs read them.
 */
export async function openEdit(
  network: EditNetwork,
  { backend, signal }: Pick<Laboratory, "backend" | "signal">,
  dtype: "F32" | "F16" = "F16",
) {
  const graph = network.graph(network);
  const weights = randomWeights(graph, dtype);
  const programs: { dispose(): void }[] = [];
  /** Frees all programs, those that read states before the one that wrote them. */
  const dispose = () =>
    programs
      .splice(0)
      .toReversed()
      .forEach((program) => program.dispose());
  const onDevice: Record<string, DeviceTensor> = {};
  const made = async (g: Graph, options?: Options) => {
    const bound = Object.fromEntries(Object.entries(onDevice).filter(([name]) => g.inputs.has(name)));
    const program = await compile(g, backend, { weights: g.params.size ? weights : undefined, bound, signal, options });
    programs.push(program);
    const run = (lists: Readonly<Record<string, HostTensor>> = {}) => program.run({ ...bound, ...lists }, { signal });
    return { plan: program.plan, run };
  };
  type Made = Awaited<ReturnType<typeof made>>;
  /** Milliseconds of one run. */
  async function time({ run }: Made, lists?: Readonly<Record<string, HostTensor>>): Promise<number> {
    const start = performance.now();
    const [result] = Object.values(await run(lists));
    if (backend.name === "webgpu") await result.read(); // until then it is only under way
    return performance.now() - start;
  }
  try {
    const given = new Graph();
    for (const [name, { shape }] of graph.inputs) given.output(name, given.input(name, shape));
    Object.assign(onDevice, await (await made(given)).run(randomInputs(graph)));
    const { full, states } = sparsify(graph, network.options);
    const outputs = await (await made(full)).run();
    for (const name of states) onDevice[name] = outputs[name];
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    /** The network as a whole. */
    async dense() {
      const program = await made(graph);
      return { macs: countMacs(graph).total, run: () => time(program) };
    },
    /** The network by blocks, with room for a share of them. */
    async byBlocks({ room, options }: { readonly room?: number; readonly options?: Options } = {}) {
      const { sparse, blocks } = sparsify(graph, { ...network.options, room });
      const program = await made(sparse, options);
      return {
        plan: program.plan,
        /** An edit under these masks; `run` gives milliseconds. */
        edit(masks: MaskPyramid) {
          const lists = blocks(masks);
          return { macs: sparseMacs(sparse, lists), run: () => time(program, lists) };
        },
      };
    },
    dispose,
  };
}
