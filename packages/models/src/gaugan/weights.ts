import { toFloat32, type TensorData, type TensorInfo, type WeightSource } from "@tessera/safetensors";

/** A tensor that is computed from others of the checkpoint when it is read. */
interface Folded {
  readonly shape: readonly number[];
  read(get: (name: string) => Promise<Float32Array>): Promise<Float32Array>;
}

/**
 * The weights of a SPADE generator as it is used, from its checkpoint as it was trained:
 * - spectral norm (Miyato et al. 2018, eq. 8): `weight` = `weight_orig` / σ, σ = uᵀ·W·v of `weight_u` and `weight_v`;
 * - batch norm by running statistics: `scale` = 1 / √(`running_var` + 1e-5), `shift` = −`running_mean` · `scale`.
 *
 * Checkpoints of GAN Compression hold statistics of the widest network of their search; the first ones are its own.
 */
export function gauganWeights(source: WeightSource): WeightSource {
  const folded = new Map<string, Folded>();
  const kept: string[] = [];
  for (const name of source.names()) {
    const stem = name.slice(0, name.lastIndexOf("."));
    if (name.endsWith(".weight_orig")) folded.set(`${stem}.weight`, spectral(stem, source.info(name)!.shape));
    else if (name.endsWith(".running_var"))
      for (const part of ["scale", "shift"] as const)
        folded.set(`${stem}.${part}`, batchNorm(part, stem, channelsOf(stem, source)));
    else if (!/\.(weight_[uv]|running_mean|num_batches_tracked)$/.test(name)) kept.push(name);
  }
  const info = (name: string): TensorInfo | undefined => {
    const shape = folded.get(name)?.shape;
    return shape ? { name, dtype: "F32", shape, bytes: 4 * shape.reduce((a, b) => a * b, 1) } : source.info(name);
  };
  return {
    names: () => [...kept, ...folded.keys()],
    info,
    async get(name, options): Promise<TensorData> {
      const tensor = folded.get(name);
      if (!tensor) return source.get(name, options);
      const data = await tensor.read(async (other) => toFloat32(await source.get(other, options)));
      return { dtype: "F32", shape: tensor.shape, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
    },
    close: async () => source.close?.(),
  };
}

const spectral = (stem: string, shape: readonly number[]): Folded => ({
  shape,
  async read(get) {
    const [weight, u, v] = await Promise.all(["orig", "u", "v"].map((part) => get(`${stem}.weight_${part}`)));
    let sigma = 0;
    for (let i = 0; i < weight.length; i++) sigma += u[Math.floor(i / v.length)] * weight[i] * v[i % v.length];
    return weight.map((w) => w / sigma);
  },
});

const batchNorm = (part: "scale" | "shift", stem: string, channels: number): Folded => ({
  shape: [channels],
  async read(get) {
    const [mean, variance] = await Promise.all([get(`${stem}.running_mean`), get(`${stem}.running_var`)]);
    const scale = Float64Array.from(variance.subarray(0, channels), (x) => 1 / Math.sqrt(x + 1e-5));
    return Float32Array.from(scale, (s, i) => (part === "scale" ? s : -mean[i] * s));
  },
});

/** Channels that a norm is used with: those that its β is made for. */
function channelsOf(stem: string, source: WeightSource): number {
  const spade = stem.slice(0, stem.lastIndexOf("."));
  const beta = source.info(`${spade}.mlp_beta.conv.2.bias`) ?? source.info(`${spade}.mlp_beta.bias`);
  return (beta ?? source.info(`${stem}.running_var`)!).shape[0];
}
