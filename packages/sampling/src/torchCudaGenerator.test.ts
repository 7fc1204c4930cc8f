import { describe, expect, test } from "vitest";
import { philox4x32 } from "./philox.ts";
import { torchCudaGenerator } from "./torchCudaGenerator.ts";

// Random123 1.14.0, tests/kat_vectors, the lines "philox4x32 10": counter, key, result.
test.each([
  ["00000000 00000000 00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"],
  ["ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"],
  ["243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"],
])("philox4x32-10 of %s, as Random123 gives it", (input, result) => {
  const [c0, c1, c2, c3, k0, k1] = input.split(" ").map((word) => parseInt(word, 16));
  const words = philox4x32([c0, c1, c2, c3], [k0, k1]);
  expect(words.map((word) => word.toString(16).padStart(8, "0")).join(" ")).toBe(result);
});

describe("torchCudaGenerator", () => {
  // torch.manual_seed(0); torch.randn(8, 8, device="cuda"), as PyTorch 2.2 printed it in published course notes.
  const printed = [
    -0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797, -0.6229, -0.3284, -1.0745, -0.3631, -1.6711, 2.2655, 0.3117,
    -0.1842, 1.2866, 1.182, -0.1271, 1.2169, 1.4353, 1.0605, -0.4941, -1.4244, -0.7244, -1.2973, 0.0697, -0.0074,
    1.8969, 0.6878, -0.0779, -0.8373, 1.3506, -0.2879, -0.5965, -0.3283, -0.9086, -0.8059, -0.7407, -0.0504, 0.5435,
    1.515, 0.0141, 0.4532, 1.6349, 0.7124, -0.1806, 1.0252, -1.4622, -0.7554, -0.1836, 0.3824, 0.3918, -0.083, 0.8971,
    -1.1123, 0.1116, 0.4863, -0.5499, -0.3231, -0.5469, 0.9049, 0.2837, 0.121, 0.473, -1.0823,
  ];
  test("64 numbers that torch drew on a GPU, to the four digits it prints", () => {
    expect([...torchCudaGenerator(0).randn(64)].map((v) => +v.toFixed(4))).toEqual(printed);
  });

  test("a tensor larger than the GPU: stretches as long as there are threads, four to a round", () => {
    const wide = torchCudaGenerator(3); // all threads at once: the first normal of each
    const narrow = torchCudaGenerator(3, { threads: 256 }).randn(1500);
    expect(narrow.subarray(0, 256)).toEqual(wide.randn(256));
    expect(narrow.subarray(1024, 1280)).toEqual(wide.randn(256)); // the second round is the next offset
    const words = philox4x32([0, 0, 7, 0], [3, 0]); // thread 7, its fourth number: the cosine of the second pair
    const [u, v] = [words[2], words[3]].map((word) => (word + 0.5) * 2 ** -32);
    expect(narrow[3 * 256 + 7]).toBeCloseTo(Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v), 5);
  });

  test("normal: mean 0, deviation 1; another call, another seed, other numbers", () => {
    const generator = torchCudaGenerator(-1);
    const values = generator.randn(20_000);
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(deviation - 1)).toBeLessThan(0.03);
    expect(generator.randn(1)[0]).not.toBe(values[0]);
    expect(torchCudaGenerator(2 ** 32 - 1).randn(1)[0]).not.toBe(values[0]); // the key has 64 bits
    expect(() => torchCudaGenerator(0.5)).toThrow(/integer/);
    expect(() => torchCudaGenerator(1, { threads: 8 })).toThrow(/256 or more, got 8/);
  });
});
