import { philox4x32 } from "./philox.ts";
import type { Generator } from "./torchGenerator.ts";

const f32 = Math.fround;
const toUnit = 2 ** -32;
const toAngle = f32(f32(2.3283064e-10) * f32(6.2831855));
/** Threads of a block in ATen's random kernels. */
const block = 256;

/** Normal number `lane` of the four that cuRAND's Box-Muller transform makes of four words: pairs, sine before cosine. */
function normal(words: readonly number[], lane: number): number {
  const pair = lane & 2;
  const radius = f32(Math.sqrt(f32(-2 * f32(Math.log(f32(f32(words[pair]) * toUnit + toUnit / 2))))));
  const angle = f32(f32(words[pair + 1]) * toAngle + toAngle / 2);
  return radius * f32(lane & 1 ? Math.cos(angle) : Math.sin(angle));
}

/**
 * `torch.Generator("cuda").manual_seed(seed)`: `torchCudaGenerator(seed).randn(n)` is `torch.randn(n, generator=…)` on an
 * NVIDIA GPU, so a seed means the picture that people's GPUs gave them.
 *
 * Follows ATen's `native/cuda/DistributionTemplates.h` over cuRAND: thread i has Philox subsequence i and the seed as key; a
 * round of four numbers per thread fills four stretches of the tensor, each as long as there are threads; a call moves the
 * offset on by its rounds. The words are exact; logarithm and sine are those of JavaScript, so the numbers are equal to a few
 * units in the last place, not bit for bit.
 *
 * @param seed an integer; negative ones count as their 64-bit two's complement, as in torch
 * @param options.threads how many threads the GPU keeps resident (multiprocessors × threads of each, 221,184 on an A100).
 *   Matters only to tensors of more elements than that. Default: enough for all of them
 * @throws RangeError if the seed is not a safe integer, or `threads` is below a block of 256
 */
export function torchCudaGenerator(seed: number, { threads = Infinity } = {}): Generator {
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`torchCudaGenerator: the seed must be an integer within ±(2^53 - 1), got ${seed}.`);
  }
  if (!(threads >= block))
    throw new RangeError(`torchCudaGenerator: threads must be ${block} or more, got ${threads}.`);
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0] as const;
  let offset = 0; // in rounds

  return {
    randn(count) {
      const values = new Float32Array(count);
      const width = block * Math.min(Math.ceil(count / block), Math.floor(threads / block));
      for (let start = 0; start < count; start += 4 * width, offset++) {
        const counter = [offset >>> 0, Math.floor(offset / 2 ** 32)] as const;
        for (let thread = 0; thread < width && start + thread < count; thread++) {
          const words = philox4x32([...counter, thread, 0], key);
          for (let lane = 0; lane < 4 && start + lane * width + thread < count; lane++) {
            values[start + lane * width + thread] = normal(words, lane);
          }
        }
      }
      return values;
    },
  };
}
