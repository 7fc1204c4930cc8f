import type { Graph } from "@tessera/kernels";
import type { WeightSource } from "@tessera/safetensors";

/** Weights that keep numbers near 1, made when they are asked for: the same for the same graph. */
export function randomWeights(graph: Graph): WeightSource {
  return {
    names: () => graph.params.keys(),
    info(name) {
      const t = graph.params.get(name);
      return t && { name, dtype: "F32", shape: t.shape, bytes: 4 * t.elements };
    },
    async get(name) {
      const { id, shape, elements } = graph.params.get(name)!;
      const spread = shape.length > 1 ? Math.sqrt((3 * shape[0]) / elements) : 0.1;
      const centre = shape.length === 1 && /\.(weight|scale)$/.test(name) ? 1 : 0;
      return { dtype: "F32", shape, data: new Uint8Array(uniform(elements, id, centre, spread).buffer) };
    },
  };
}

/** Numbers within `spread` of `centre`: a linear congruential generator (Numerical Recipes, §7.1). */
export function uniform(length: number, seed: number, centre: number, spread: number): Float32Array {
  const out = new Float32Array(length);
  let state = (seed * 2654435761) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = centre + spread * (state / 2 ** 31 - 1);
  }
  return out;
}
