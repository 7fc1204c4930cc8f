import type { Graph } from "@tessera/kernels";
import { memorySource, type WeightSource } from "@tessera/safetensors";

/** Uniform numbers in −1 … 1 (xorshift32), the same for the same seed. */
export function uniform(count: number, seed = 1): Float32Array {
  let state = Math.imul(seed, 0x9e3779b9) | 1;
  return Float32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  });
}

/** A weight for each parameter of the graph: matrices keep the variance of what they multiply; norms are near 1, biases near 0. */
export function randomWeights(graph: Graph, seed = 1): WeightSource {
  const tensors = [...graph.params.values()].map(({ path, shape, elements }, i) => {
    const scale = shape.length > 1 ? Math.sqrt(3 / shape.slice(1).reduce((a, b) => a * b)) : 0.1;
    const offset = shape.length === 1 && path.endsWith("weight") ? 1 : 0;
    const data = uniform(elements, seed * 7919 + i + 1).map((z) => offset + scale * z);
    return [path, { dtype: "F32" as const, shape, data: new Uint8Array(data.buffer) }] as const;
  });
  return memorySource(Object.fromEntries(tensors));
}
