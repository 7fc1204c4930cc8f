import type { Graph, Tensor } from "@tessera/kernels";
import { memorySource, toFloat16Bits, type TensorData, type WeightSource } from "@tessera/safetensors";

/** Uniform numbers in −1 … 1 (Marsaglia 2003, xorshift32): the same for a seed everywhere. */
function uniform(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = (Math.imul(seed + 1, 0x9e3779b9) ^ 0x5bd1e995) | 1;
  return Float32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  });
}

/** FNV-1a. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** Numbers for every input of a graph: uniform with variance 1; whole numbers small enough to be ids. */
export function randomInputs(graph: Graph): Record<string, Float32Array | Int32Array> {
  const numbers = ([name, { elements, dtype }]: readonly [string, Tensor]) => {
    const values = uniform(elements, hash(name));
    return dtype === "i32" ? Int32Array.from(values, (x) => 50 * Math.abs(x)) : values.map((x) => x * Math.sqrt(3));
  };
  return Object.fromEntries([...graph.inputs].map((entry) => [entry[0], numbers(entry)]));
}

/** Pairwise coprime to the sizes of layers, so that no matrix repeats a row. */
const poolSize = 1_000_003;

/**
 * Weights for every parameter of a graph that keep the variance: norms start at 1, biases at 0, matrices are uniform in
 * ±√(3 / fan-in). A name and shape always give the same numbers. Nothing is held but a pool of a million numbers.
 */
export function randomWeights(graph: Graph, dtype: "F32" | "F16" = "F16"): WeightSource {
  const pool = uniform(poolSize, 1);
  const scaled = new Map<number, Uint8Array>();
  const bytes = dtype === "F16" ? 2 : 4;
  const encode = (values: Float32Array): Uint8Array => {
    const { buffer, byteOffset, byteLength } = dtype === "F16" ? toFloat16Bits(values) : values;
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  const tensor = (name: string, shape: readonly number[]): TensorData => {
    const count = shape.reduce((a, b) => a * b, 1);
    if (shape.length === 1) {
      const start = /norm\d*\.weight$|norm_out\.weight$|^scale$/.test(name) ? 1 : 0;
      return { dtype, shape, data: encode(new Float32Array(count).fill(start)) };
    }
    const fanIn = count / shape[0];
    if (!scaled.has(fanIn)) scaled.set(fanIn, encode(pool.map((x) => x * Math.sqrt(3 / fanIn))));
    const source = scaled.get(fanIn)!;
    const data = new Uint8Array(bytes * count);
    for (let at = 0, from = bytes * (hash(name) % poolSize); at < data.length; from = 0) {
      const part = source.subarray(from, from + data.length - at);
      data.set(part, at);
      at += part.length;
    }
    return { dtype, shape, data };
  };
  const infos = new Map(
    [...graph.params].map(([name, { shape, elements }]) => [name, { name, dtype, shape, bytes: bytes * elements }]),
  );
  return {
    names: () => infos.keys(),
    info: (name) => infos.get(name),
    async get(name) {
      const info = infos.get(name);
      if (!info) return memorySource({}).get(name); // says what is missing
      return tensor(name, info.shape);
    },
  };
}
