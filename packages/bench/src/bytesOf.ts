import type { Graph } from "@tessera/kernels";

/** Bytes that must move: every input and parameter in, every output out, each once, as f32. */
export const bytesOf = (graph: Graph): number =>
  [...graph.inputs.values(), ...graph.params.values(), ...graph.outputs.values()].reduce(
    (sum, t) => sum + 4 * t.elements,
    0,
  );
