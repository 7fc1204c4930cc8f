import { toFloat16Bits, toFloat32, type TensorInfo, type WeightSource } from "@tessera/safetensors";
import { loraTargets, type Lora, type LoraLayer } from "./lora.ts";

/**
 * A network's weights with a LoRA merged into them, tensor by tensor as they are read: W + weight · (alpha / rank) · up · down
 * (Hu et al. 2022, §4.1). Sums are in float64; float16 weights are rounded to float16 again, as diffusers' `fuse_lora`
 * rounds them, all others come out as float32. Weight 0 leaves everything as it is. Several LoRAs: wrap again.
 *
 * @throws {LoraError} if a layer of the LoRA that is meant for this part fits nothing in it
 */
export function withLora(source: WeightSource, lora: Lora, weight = 1): WeightSource {
  const targets = loraTargets(source, lora);
  if (weight === 0) return source;
  return {
    names: () => source.names(),
    info(name) {
      const info = source.info(name);
      if (!info || !targets.has(name) || info.dtype === "F16") return info;
      return { ...info, dtype: "F32", bytes: 4 * elements(info) };
    },
    async get(name, options) {
      const tensor = await source.get(name, options);
      const layer = targets.get(name);
      if (!layer) return tensor;
      const down = toFloat32(await lora.source.get(layer.down, options));
      const up = toFloat32(await lora.source.get(layer.up, options));
      const sum = addProduct(toFloat32(tensor), up, down, layer, weight);
      const stored = tensor.dtype === "F16" ? toFloat16Bits(sum) : sum;
      return {
        dtype: tensor.dtype === "F16" ? "F16" : "F32",
        shape: tensor.shape,
        data: new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength),
      };
    },
    close: async () => source.close?.(),
  };
}

const elements = ({ shape }: TensorInfo): number => shape.reduce((a, b) => a * b, 1);

function addProduct(
  base: Float32Array,
  up: Float32Array,
  down: Float32Array,
  { rank, scale }: LoraLayer,
  weight: number,
): Float32Array {
  const columns = down.length / rank;
  const sum = new Float32Array(base.length);
  const row = new Float64Array(columns);
  for (let o = 0; o < up.length / rank; o++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const u = up[o * rank + r];
      for (let i = 0; i < columns; i++) row[i] += u * down[r * columns + i];
    }
    for (let i = 0; i < columns; i++) sum[o * columns + i] = base[o * columns + i] + weight * scale * row[i];
  }
  return sum;
}
